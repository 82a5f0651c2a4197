import { lookup } from "node:dns/promises";
import { Limit } from "./limit.ts";

/**
 * Each lookup takes one of the runtime's 32 threads until there is an answer, or none after many seconds. The others
 * are for what cannot wait for names: the packet queue, and the lock that changes are made under.
 */
const lookups = new Limit(16);

/** Finds a host's IPv4 address as the system does: /etc/hosts, DNS, or whatever nsswitch.conf says. */
export async function lookUpHost(host: string): Promise<string> {
  return await lookups.run(async () => (await lookup(host, { family: 4 })).address);
}
