import { placeKey } from "../packet.ts";
import type { Admission } from "../admission.ts";
import { isParked, type KernelState, type Remote, type Tunnel } from "../kernel/state.ts";
import type { Peer } from "../settings/settings.ts";

/** A peer, and the tunnel it has. */
interface Found {
  readonly peer: Peer;
  readonly tunnel: Tunnel;
  readonly letIn: Remote | null;
}

/**
 * Reads from the tunnels that an earlier run left whom it had admitted, by peer name. One that the gate does not let in
 * stays shut out, unless its authentication was for ever and the gate itself was lost, and with it the only other
 * record of it. Of two at one place the gate tells who is there; the other is nowhere.
 *
 * @param main the server's own address
 */
export function findAdmissions(
  peers: readonly Peer[],
  own: KernelState,
  main: string,
): Map<string, Admission> {
  const found = peers.flatMap((peer): Found[] => {
    const tunnel = own.tunnels.get(peer.tunnel.device);
    return tunnel === undefined ? [] : [{ peer, tunnel, letIn: findLetIn(tunnel, own, main) }];
  });
  const taken = new Set<string>();
  const { yes = [], no = [] } = Object.groupBy(found, ({ letIn }) => letIn === null ? "no" : "yes");
  return new Map([...yes, ...no].map(({ peer, tunnel, letIn }): [string, Admission] => {
    const { local, remote } = tunnel;
    const place = placeKey(remote, local.port);
    const isNowhere = isParked(tunnel) || taken.has(place);
    if (isNowhere) return [peer.name, { remote: null, port: local.port, expiresAt: 0 }];
    taken.add(place);
    const isForEver = own.gate === null && peer.lifetime === 0;
    const expiresAt = letIn !== null ? letIn.expiresAt : isForEver ? null : 0;
    return [peer.name, { remote, port: local.port, expiresAt }];
  }));
}

/** What lets a tunnel's packets in, and no other's. */
function findLetIn({ local, remote }: Tunnel, { gate }: KernelState, main: string): Remote | null {
  const letIn = gate?.remotes.get(placeKey(remote, local.port));
  return letIn !== undefined && (letIn.alt ?? main) === local.ip ? letIn : null;
}
