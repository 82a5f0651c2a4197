import type { Admission } from "../gate.ts";
import { isParked, type KernelState, remoteKey, type Tunnel } from "../kernel/state.ts";
import type { Peer } from "../settings/settings.ts";

/** A peer, and the tunnel it has. */
interface Found {
  readonly peer: Peer;
  readonly tunnel: Tunnel;
}

/**
 * Reads from the tunnels that an earlier run left whom it had admitted, by peer name. One that the gate no longer lets
 * in stays shut out, unless its authentication was for ever: then the gate itself was lost, and with it the only other
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
    return tunnel === undefined ? [] : [{ peer, tunnel }];
  });
  const isLetIn = ({ tunnel }: Found) => {
    const remote = own.gate?.remotes.get(remoteKey(tunnel.remote, tunnel.local.port));
    return remote !== undefined && (remote.alt ?? main) === tunnel.local.ip;
  };
  const places = new Set<string>();
  const admissions = new Map<string, Admission>();
  for (const each of [...found.filter(isLetIn), ...found.filter((each) => !isLetIn(each))]) {
    const { peer, tunnel } = each;
    const { local, remote } = tunnel;
    const place = remoteKey(remote, local.port);
    const isNowhere = isParked(tunnel) || places.has(place);
    if (!isNowhere) places.add(place);
    const letIn = isLetIn(each) ? own.gate!.remotes.get(place) : undefined;
    const expiresAt = peer.lifetime === 0 ? null : letIn?.expiresAt ?? 0;
    admissions.set(
      peer.name,
      isNowhere ? { remote: null, port: local.port, expiresAt: 0 } : { remote, port: local.port, expiresAt },
    );
  }
  return admissions;
}
