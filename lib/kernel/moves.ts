import { parseOuterHeader } from "../outer_header.ts";
import { placeKey } from "../packet.ts";
import type { OuterRequest } from "../requests.ts";
import { asideAddresses, pairKey, type Tunnel } from "./state.ts";
import { type Step, stepOf } from "./step.ts";

/** A tunnel as found and as wanted. */
export interface Move {
  readonly found: Tunnel;
  readonly tunnel: Tunnel;
}

/**
 * Steps that change outer addresses, ports, headers, MTUs and marks. No two devices may have the same pair of outer addresses at any
 * moment, so each tunnel moves once its pair is free. Of tunnels that wait for each other in a ring, one steps aside.
 *
 * @param tunnels those that change; no tunnel moves to the pair of another one
 */
export function moveTunnels(tunnels: readonly Move[]): Step[] {
  const movers = tunnels.filter(({ found, tunnel }) => !isSameOutside(found, tunnel));
  const owners = new Map(movers.map(({ found }) => [pairOf(found), found.name]));
  const waiting = new Map(movers.map((move) => [pairOf(move.tunnel), move]));
  const steps: Step[] = [];
  /** Moves a tunnel if its pair is free, then the one that waits for the pair it had, and so on. */
  const settle = (first: Move | undefined) => {
    for (let move = first; move !== undefined;) {
      const { found, tunnel } = move;
      const [from, to] = [pairOf(found), pairOf(tunnel)];
      if ((owners.get(to) ?? tunnel.name) !== tunnel.name) return;
      steps.push(moveTunnel(found, tunnel));
      owners.delete(from);
      owners.set(to, tunnel.name);
      waiting.delete(to);
      move = waiting.get(from);
    }
  };
  for (const { tunnel } of movers) settle(waiting.get(pairOf(tunnel)));
  for (const [to, { found, tunnel }] of waiting) {
    const aside = stepAside(tunnel);
    steps.push(moveTunnel(found, aside));
    owners.delete(pairOf(found));
    waiting.set(to, { found: aside, tunnel });
    settle(waiting.get(pairOf(found)));
  }
  const stay = tunnels.filter(({ found, tunnel }) =>
    isSameOutside(found, tunnel) && (found.mtu !== tunnel.mtu || found.alias !== tunnel.alias)
  );
  return [...stay.map(({ found, tunnel }) => changeTunnel(found, tunnel, null)), ...steps];
}

/** The outer half of a tunnel. */
export function outerOf({ remote, local, header, fwmark, checksum, link }: Tunnel): OuterRequest {
  return { remote, local, ...parseOuterHeader(header), fwmark, checksum: checksum ?? false, link };
}

/** Outer addresses and mark change in one step: a mark must never speak of an address that the tunnel does not have. */
function moveTunnel(found: Tunnel, tunnel: Tunnel): Step {
  return changeTunnel(found, tunnel, outerOf(tunnel));
}

function changeTunnel(found: Tunnel, { name, mtu, alias }: Tunnel, outer: OuterRequest | null): Step {
  // With another mark, the kernel derives the MTU anew, unless it is given.
  const isDerived = outer !== null && outer.fwmark !== found.fwmark;
  return stepOf({
    kind: "link",
    device: name,
    mtu: found.mtu === mtu && !isDerived ? null : mtu,
    alias: found.alias === alias ? null : alias,
    outer,
    isUp: null,
  });
}

/** The tunnel with a pair of outer addresses that no other tunnel can have, not even a parked one. */
function stepAside(tunnel: Tunnel): Tunnel {
  const { local, remote } = asideAddresses(tunnel.inner!.peerIp);
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
