import { lookup } from "node:dns/promises";
import { Limit } from "./limit.ts";

/**
 * Each lookup takes one of the runtime's 32 threads, sometimes for many seconds. The packet queue and the namespace lock
 * need threads too.
 */
const lookups = new Limit(16);

/** Finds a host's IPv4 address as the system does: /etc/hosts, DNS, or what nsswitch.conf says. */
export async function lookUpHost(host: string): Promise<string> {
  return await lookups.run(async () => (await lookup(host, { family: 4 })).address);
}
