import type { Host } from "../lab/network.ts";
import { PATIENCE, type Scenario } from "./scenario.ts";

const PROGRAM = ["/usr/bin/python3", "-B", new URL("tcp.py", import.meta.url).pathname];

/** Starts a TCP server on a host, until the scenario ends. */
export async function serveTcp({ network }: Scenario, host: Host): Promise<void> {
  await network.spawn(host, [...PROGRAM, "serve"]).waitForLine(/^serving/, PATIENCE);
}

/** Moves bytes both ways over one connection to a host that serves TCP. */
export async function exchange({ network }: Scenario, host: Host, address: string): Promise<void> {
  await network.must(host, [...PROGRAM, "exchange", address]);
}

/** Has a host's kernel make and check checksums and segments itself: most of the time nobody does, on veth devices. */
export async function turnOffOffloads({ network }: Scenario, host: Host, device = "eth0"): Promise<void> {
  await network.must(host, [...PROGRAM, "no-offloads", device]);
}
