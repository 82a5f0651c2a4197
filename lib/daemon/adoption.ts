import { placeKey } from "../packet.ts";
import type { Admission } from "../admission.ts";
import { isParked, type KernelState, type Remote, type Tunnel } from "../kernel/state.ts";
import type { Peer } from "../settings/settings.ts";

/**
 * Reads the admissions of an earlier run from the tunnels that it left, by peer name. A peer that the gate does not let
 * in stays shut out, unless it was admitted for ever and the gate, the only other record of that, is lost. Of two peers
 * at one place the one in the gate is there; the other is parked.
 *
 * @param main the server's outer address
 */
export function findAdmissions(
  peers: readonly Peer[],
  own: KernelState,
  main: string,
): Map<string, Admission> {
  const found = peers.flatMap((peer) => {
    const tunnel = own.tunnels.get(peer.tunnel.device);
    return tunnel === undefined ? [] : [{ peer, tunnel, entry: findRemote(tunnel, own, main) }];
  });
  const taken = new Set<string>();
  const { inside = [], outside = [] } = Object.groupBy(
    found,
    ({ entry }) => entry === null ? "outside" : "inside",
  );
  return new Map([...inside, ...outside].map(({ peer, tunnel, entry }): [string, Admission] => {
    const { local, remote } = tunnel;
    const place = placeKey(remote, local.port);
    if (isParked(tunnel) || taken.has(place)) {
      return [peer.name, { remote: null, port: local.port, expiresAt: 0 }];
    }
    taken.add(place);
    const isForEver = own.gate === null && peer.lifetime === 0;
    const expiresAt = entry !== null ? entry.expiresAt : isForEver ? null : 0;
    return [peer.name, { remote, port: local.port, expiresAt }];
  }));
}

/** Finds the remote that lets in a tunnel's packets, and no other tunnel's. */
function findRemote({ local, remote }: Tunnel, { gate }: KernelState, main: string): Remote | null {
  const entry = gate?.remotes.get(placeKey(remote, local.port));
  return entry !== undefined && (entry.alt ?? main) === local.ip ? entry : null;
}
