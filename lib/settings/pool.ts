import { createHash } from "node:crypto";
import { formatIpv4, type Network, parseIpv4 } from "../ipv4.ts";

/** The server's own address in a network that addresses in the tunnel are of: the first one of a host. */
export function ownPoolAddress(net: Network): string {
  return formatIpv4(net.first + 1);
}

/**
 * The address that a peer without one of its own has in the tunnel. It follows from what is given here alone,
 * so that no other peer's coming or going changes it; two peers may come to the same.
 *
 * @param name the peer's
 * @param net of length 30 or less
 * @param own the server's address, which no peer gets
 */
export function poolAddress(name: string, net: Network, own: string): string {
  for (let attempt = 0;; attempt++) {
    const hash = createHash("sha256").update(`${name}/${attempt}`).digest().readUInt32BE();
    const address = net.first + 1 + hash % hostCount(net);
    if (address !== parseIpv4(own)) return formatIpv4(address);
  }
}

/** The first address of the network that no one has; null when all are taken. */
export function freePoolAddress(net: Network, taken: ReadonlySet<string>): string | null {
  for (let offset = 1; offset <= hostCount(net); offset++) {
    const ip = formatIpv4(net.first + offset);
    if (!taken.has(ip)) return ip;
  }
  return null;
}

/** The address for a new peer: the one that follows from its name, else the first no one has; null when all are taken. */
export function newPoolAddress(
  name: string,
  net: Network,
  own: string,
  taken: ReadonlySet<string>,
): string | null {
  const ip = poolAddress(name, net, own);
  return taken.has(ip) ? freePoolAddress(net, taken) : ip;
}

function hostCount({ length }: Network): number {
  return 2 ** (32 - length) - 2;
}
