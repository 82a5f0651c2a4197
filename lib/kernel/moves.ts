import { placeKey } from "../packet.ts";
import { pairKey, parkedAddresses, type Tunnel } from "./state.ts";

/** A tunnel as found and as wanted. */
export interface Move {
  readonly found: Tunnel;
  readonly tunnel: Tunnel;
}

/**
 * Commands that change outer addresses, ports, headers, MTUs and marks. No two devices may have the same pair of outer addresses at any
 * moment, so each tunnel moves once its pair is free. Of tunnels that wait for each other in a ring, one steps aside.
 *
 * @param tunnels those that change; no tunnel moves to the pair of another one
 */
export function moveTunnels(tunnels: readonly Move[]): string[] {
  const movers = tunnels.filter(({ found, tunnel }) => !isSameOutside(found, tunnel));
  const owners = new Map(movers.map(({ found }) => [pairOf(found), found.name]));
  const waiting = new Map(movers.map((move) => [pairOf(move.tunnel), move]));
  const commands: string[] = [];
  /** Moves a tunnel if its pair is free, then the one that waits for the pair it had, and so on. */
  const settle = (first: Move | undefined) => {
    for (let move = first; move !== undefined;) {
      const { found, tunnel } = move;
      const [from, to] = [pairOf(found), pairOf(tunnel)];
      if ((owners.get(to) ?? tunnel.name) !== tunnel.name) return;
      commands.push(moveTunnel(found, tunnel));
      owners.delete(from);
      owners.set(to, tunnel.name);
      waiting.delete(to);
      move = waiting.get(from);
    }
  };
  for (const { tunnel } of movers) settle(waiting.get(pairOf(tunnel)));
  for (const [to, { found, tunnel }] of waiting) {
    const aside = stepAside(tunnel);
    commands.push(moveTunnel(found, aside));
    owners.delete(pairOf(found));
    waiting.set(to, { found: aside, tunnel });
    settle(waiting.get(pairOf(found)));
  }
  const stay = tunnels.filter(({ found, tunnel }) =>
    isSameOutside(found, tunnel) && deviceWords(found, tunnel) !== ""
  );
  return [
    ...stay.map(({ found, tunnel }) => `link set dev ${tunnel.name}${deviceWords(found, tunnel)}`),
    ...commands,
  ];
}

/** The outer half of a tunnel in the words of `ip link`. */
export function outerWords({ remote, local, fwmark, checksum, header }: Tunnel): string {
  const markWord = fwmark === 0 ? "" : ` fwmark ${fwmark}`;
  const checksumWord = checksum === null ? "" : checksum ? " encap-csum" : " noencap-csum";
  return `remote ${remote.ip} local ${local.ip} ${header}${markWord} ` +
    `encap fou encap-sport ${local.port} encap-dport ${remote.port}${checksumWord}`;
}

/** Outer addresses and mark change in one step: a mark must never speak of an address that the tunnel does not have. */
function moveTunnel(found: Tunnel, tunnel: Tunnel): string {
  // `ip link set` leaves the checksum on unless told to turn it off.
  const checksum = found.checksum ? tunnel.checksum ?? false : tunnel.checksum;
  // It leaves the mark, too.
  const noMark = found.fwmark !== 0 && tunnel.fwmark === 0 ? " fwmark 0" : "";
  return `link set dev ${tunnel.name}${deviceWords(found, tunnel)} type ipip ${
    outerWords({ ...tunnel, checksum })
  }${noMark}`;
}

/** The words for what changes besides the outer half; each follows a space. */
function deviceWords(found: Tunnel, { alias, mtu }: Tunnel): string {
  return (found.mtu === mtu ? "" : ` mtu ${mtu}`) + (found.alias === alias ? "" : ` alias ${alias}`);
}

/** The tunnel with a pair of outer addresses that no other tunnel can have. */
function stepAside(tunnel: Tunnel): Tunnel {
  const { local, remote } = parkedAddresses(tunnel.inner!.peerIp);
  return {
    ...tunnel,
    local: { ...tunnel.local, ip: local },
    remote: { ...tunnel.remote, ip: remote },
  };
}

/** What the kernel tells ipip devices apart by; see `pairKey`. */
function pairOf({ local, remote }: Tunnel): string {
  return pairKey(local.ip, remote.ip);
}

function isSameOutside(found: Tunnel, wanted: Tunnel): boolean {
  return placeKey(found.remote, found.local.port) === placeKey(wanted.remote, wanted.local.port) &&
    found.local.ip === wanted.local.ip && found.header === wanted.header && found.fwmark === wanted.fwmark &&
    (found.checksum ?? false) === (wanted.checksum ?? false);
}
