import type { Admission } from "../gate.ts";
import type { Peer } from "../settings/settings.ts";
import { pairKey, type Tunnel } from "./state.ts";

/**
 * Decides which local address each admitted peer's tunnel has. The kernel tells ipip devices apart by the pair of
 * outer addresses alone, so of the peers behind one address only one can have the main local address; each
 * other has its private one. A peer keeps what it has while it stays at its address, so that nobody's coming or
 * going moves another.
 *
 * @param main the server's own address
 * @param tunnels those that stand, by device name
 * @param foreignPairs `pairKey` of others' devices
 * @returns local addresses by peer name
 */
export function assignLocals(
  peers: readonly Peer[],
  admissions: ReadonlyMap<string, Admission>,
  main: string,
  tunnels: ReadonlyMap<string, Tunnel>,
  foreignPairs: ReadonlySet<string>,
): Map<string, string> {
  const admitted = peers.filter((peer) => admissions.has(peer.name));
  const remoteOf = (peer: Peer) => admissions.get(peer.name)!.remote!.ip;
  const keepsMain = (peer: Peer) => {
    const tunnel = tunnels.get(peer.tunnel.device);
    return tunnel?.local.ip === main && tunnel.remote.ip === remoteOf(peer);
  };
  const locals = new Map<string, string>();
  const taken = new Set(foreignPairs);
  const settled = admitted.filter(keepsMain);
  for (const peer of [...settled, ...admitted.filter((peer) => !settled.includes(peer))]) {
    const pair = pairKey(main, remoteOf(peer));
    const isAlt = peer.forceAlt || taken.has(pair) || keepsAlt(peer, tunnels, remoteOf(peer));
    if (!isAlt) taken.add(pair);
    locals.set(peer.name, isAlt ? peer.altIp! : main);
  }
  return locals;
}

function keepsAlt(peer: Peer, tunnels: ReadonlyMap<string, Tunnel>, remote: string): boolean {
  const tunnel = tunnels.get(peer.tunnel.device);
  return tunnel?.local.ip === peer.altIp && tunnel.remote.ip === remote;
}
