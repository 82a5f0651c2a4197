import { createHash } from "node:crypto";
import { formatIpv4, type Network, parseIpv4 } from "../ipv4.ts";

/** The server's tunnel address in a network of tunnel addresses: its first host address. */
export function ownPoolAddress(net: Network): string {
  return formatIpv4(net.first + 1);
}

/**
 * The tunnel address of a peer that is not given one. It depends only on the arguments, so that it stays the same when
 * other peers are added or removed. Two peers may get the same one.
 *
 * @param name the peer's name
 * @param net of prefix length 30 or less
 * @param own the server's address, which no peer gets
 */
export function poolAddress(name: string, net: Network, own: string): string {
  for (let attempt = 0;; attempt++) {
    const hash = createHash("sha256").update(`${name}/${attempt}`).digest().readUInt32BE();
    const address = net.first + 1 + hash % hostCount(net);
    if (address !== parseIpv4(own)) return formatIpv4(address);
  }
}

/** The first free address of the network; null if all are taken. */
export function freePoolAddress(net: Network, taken: ReadonlySet<string>): string | null {
  for (let offset = 1; offset <= hostCount(net); offset++) {
    const ip = formatIpv4(net.first + offset);
    if (!taken.has(ip)) return ip;
  }
  return null;
}

function hostCount({ length }: Network): number {
  return 2 ** (32 - length) - 2;
}
