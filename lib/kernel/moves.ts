import { placeKey } from "../packet.ts";
import { pairKey, parkingPlace, type Tunnel } from "./state.ts";

/** A tunnel that stands, and what it is to become. */
export interface Move {
  readonly found: Tunnel;
  readonly tunnel: Tunnel;
}

/**
 * Changes outer addresses and ports, and marks. No two devices may have the same outer addresses at any moment, so each
 * one moves when its place is free; of those that wait for each other in a ring, one steps aside first.
 *
 * @param tunnels those that change; others may be left out, for nobody moves to where they are
 */
export function moveTunnels(tunnels: readonly Move[]): string[] {
  const movers = tunnels.filter(({ found, tunnel }) => !isSameOutside(found, tunnel));
  const owners = new Map(movers.map(({ found }) => [placeOf(found), found.name]));
  const waiting = new Map(movers.map((move) => [placeOf(move.tunnel), move]));
  const commands: string[] = [];
  /** Moves a tunnel, if its place is free, then the one that waits for the place it had, and so on. */
  const settle = (first: Move | undefined) => {
    for (let move = first; move !== undefined;) {
      const { found, tunnel } = move;
      const [from, to] = [placeOf(found), placeOf(tunnel)];
      if ((owners.get(to) ?? tunnel.name) !== tunnel.name) return;
      commands.push(moveTunnel(found, tunnel));
      owners.delete(from);
      owners.set(to, tunnel.name);
      waiting.delete(to);
      move = waiting.get(from);
    }
  };
  for (const { tunnel } of movers) settle(waiting.get(placeOf(tunnel)));
  for (const [to, { found, tunnel }] of waiting) {
    const aside = stepAside(tunnel);
    commands.push(moveTunnel(found, aside));
    owners.delete(placeOf(found));
    waiting.set(to, { found: aside, tunnel });
    settle(waiting.get(placeOf(found)));
  }
  const stay = tunnels.filter(({ found, tunnel }) =>
    isSameOutside(found, tunnel) && found.alias !== tunnel.alias
  );
  return [...stay.map(({ tunnel }) => `link set dev ${tunnel.name} alias ${tunnel.alias}`), ...commands];
}

/** What `ip link` calls the outside of a tunnel by. */
export function outerWords({ remote, local, checksum }: Tunnel): string {
  const checksumWord = checksum === null ? "" : checksum ? " encap-csum" : " noencap-csum";
  return `remote ${remote.ip} local ${local.ip} ` +
    `encap fou encap-sport ${local.port} encap-dport ${remote.port}${checksumWord}`;
}

/** Outside and mark change in one step: a mark must never speak of an address that the tunnel does not have. */
function moveTunnel(found: Tunnel, tunnel: Tunnel): string {
  const alias = found.alias === tunnel.alias ? "" : `alias ${tunnel.alias} `;
  // `ip link set` leaves a checksum on that it is not told to turn off.
  const checksum = found.checksum ? tunnel.checksum ?? false : tunnel.checksum;
  return `link set dev ${tunnel.name} ${alias}type ipip ${outerWords({ ...tunnel, checksum })}`;
}

/** A place that no other tunnel can have. */
function stepAside(tunnel: Tunnel): Tunnel {
  const { local, remote } = parkingPlace(tunnel.inner!.peerIp);
  return {
    ...tunnel,
    local: { ...tunnel.local, ip: local },
    remote: { ...tunnel.remote, ip: remote },
  };
}

/** What the kernel tells ipip devices apart by. */
function placeOf({ local, remote }: Tunnel): string {
  return pairKey(local.ip, remote.ip);
}

function isSameOutside(found: Tunnel, wanted: Tunnel): boolean {
  return placeKey(found.remote, found.local.port) === placeKey(wanted.remote, wanted.local.port) &&
    found.local.ip === wanted.local.ip &&
    (found.checksum ?? false) === (wanted.checksum ?? false);
}
