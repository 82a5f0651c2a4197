import { EXIT, IpipouError } from "../errors.ts";
import type { Admission } from "../admission.ts";
import { type Network, parseNetwork } from "../ipv4.ts";
import type { Endpoint } from "../packet.ts";
import type { Peer, Settings } from "../settings/settings.ts";
import { desiredClientGate, type DesiredGate, desiredGate } from "./desired_gate.ts";
import type { KeptOut, Refusals } from "./kept_out.ts";
import type { GoodHints } from "./hints.ts";
import { assignLocals } from "./layout.ts";
import { USUAL_MTU } from "./mtu.ts";
import { type Foreign, isForeignListener, type Member, memberOf, type Outside } from "./member.ts";
import { findInnerHosts, findRecursions } from "./recursion.ts";
import {
  HIDING_DEVICE,
  isParked,
  type KernelState,
  type Listener,
  listenerKey,
  type Observed,
  pairKey,
  routeKey,
  type Tunnel,
} from "./state.ts";

/** The state of the kernel that one instance wants. */
export interface DesiredState extends KernelState {
  readonly gate: DesiredGate | null;
}

/** What the desired state of one instance follows from. */
export interface Wanted {
  readonly settings: Settings;
  readonly outside: Outside;
  /** Who is admitted, by peer name. */
  readonly admissions: ReadonlyMap<string, Admission>;
  /** The hints that clients may give now; a client's gate needs none. */
  readonly hints?: GoodHints;
}

const NOBODY: Pick<KeptOut, "faults" | "stuck" | "elsewhere"> = {
  ...{ faults: new Map(), stuck: new Map(), elsewhere: new Map() },
};

/**
 * Derives the state the kernel should have. It depends on the foreign objects that were observed.
 *
 * @param now milliseconds of `Clock.now()`
 * @param keptOut devices of which the kernel refused something
 * @param inUse networks of which no private address may be
 * @returns the state, and by peer name why some peers have no tunnel in it: foreign objects are in the way, or the kernel
 *   refused it
 */
export function desiredState(
  { settings, outside, admissions, hints }: Wanted,
  observed: Observed,
  now: number,
  keptOut = NOBODY,
  inUse: readonly Network[] = [],
): { readonly state: DesiredState; readonly faults: ReadonlyMap<string, IpipouError> } {
  const { own, foreign } = observed;
  const { peers, mode } = settings;
  const hindrances = findFaults(peers, admissions, foreign, keptOut.faults);
  const { unhindered: possible, faults } = goesByMainTable(outside)
    ? withoutRecursions(withoutInnerHosts(hindrances, admissions, own.tunnels, outside), admissions, outside)
    : hindrances;
  // While the outer device is gone nothing can be bound to it. What was stays, and waits for one of that name.
  const isLinkGone = outside.link !== null && !observed.hostAddresses.has(outside.link);
  const unhindered = isLinkGone
    ? possible.filter(({ tunnel: { device } }) => own.tunnels.has(device))
    : possible;
  const stuck = [...keptOut.stuck.keys()].flatMap((device) => own.tunnels.get(device) ?? []);
  const reserved = new Set(peers.flatMap(({ altIp }) => altIp ?? []));
  const isReaddressing = mode === "server" || observed.hasNft && peers.some(({ sharedIpip }) => sharedIpip);
  const firstAlt = isReaddressing ? settings.firstAltIp : null;
  const taken = stuck.map(({ local, remote }) => pairKey(local.ip, remote.ip));
  const { elsewhere } = keptOut;
  const privateNet = parseNetwork(settings.privateNet)!;
  const addresses = { main: outside.ip, firstAlt, privateNet, inUse, reserved, foreign, taken, elsewhere };
  const layout = assignLocals(unhindered, admissions, own.tunnels, addresses);
  const locals = mayStray(outside, observed) ? only(layout.locals, outside.ip) : layout.locals;
  const deviceMtu = mtuOf(outside, observed);
  const members = unhindered.filter(({ name }) => !layout.faults.has(name)).map((peer): Member => {
    const admission = admissions.get(peer.name)!;
    const local = locals.get(peer.name) ?? null;
    const path = local === null ? null : observed.paths.get(admission.remote!.ip) ?? null;
    const found = own.tunnels.get(peer.tunnel.device);
    const at = isLinkGone ? { ...outside, link: found!.link } : outside;
    return memberOf({ settings, outside: at, peer, admission, local, foreign, path, deviceMtu, found });
  });
  const tunnels = new Map(
    [...stuck, ...members.map(({ tunnel }) => tunnel)].map((tunnel) => [tunnel.name, tunnel]),
  );
  const alts = new Set(
    [
      ...locals.values(),
      ...stuck.map(({ local }) => local.ip).filter((ip) => own.altAddresses.has(ip)),
    ]
      .filter((ip) => ip !== outside.ip),
  );
  // A FOU port in a VRF can only be at an address there.
  const isHiding = observed.isLoopbackUp && !observed.vrfMembers.has(outside.device);
  const altDevice = isHiding ? HIDING_DEVICE : outside.device;
  const state = {
    tunnels,
    listeners: desiredListeners(settings, outside, members, stuck, observed),
    altAddresses: new Map(
      [...alts].filter((ip) => !foreign.addresses.has(ip)).map((ip) => [ip, altDevice]),
    ),
    gate: mode === "server"
      ? desiredGate({ settings, outside, hints }, members, [...tunnels.values()], alts, foreign, now)
      : desiredClientGate(settings, outside, serverIn(admissions), [...alts][0] ?? null, observed),
    obsoleteRules: new Set<string>(),
  };
  return { state, faults: new Map([...faults, ...layout.faults]) };
}

/**
 * Whether what leaves from private addresses would take any other uplink: the own address is gone, and no device is said.
 * From that address itself the kernel sends nothing then.
 */
function mayStray({ ip, link }: Outside, { hostAddresses }: Observed): boolean {
  return link === null && !hostAddresses.values().some((addresses) => addresses.includes(ip));
}

/** The peers that have this local address. */
function only(locals: ReadonlyMap<string, string>, ip: string): ReadonlyMap<string, string> {
  return new Map([...locals].filter(([, local]) => local === ip));
}

/** Where a client's server is; null: there is to be no tunnel. */
function serverIn(admissions: Wanted["admissions"]): Endpoint | null {
  return admissions.values().next().value?.remote ?? null;
}

function mtuOf({ device }: Outside, { links }: Observed): number {
  return links.values().find(({ name }) => name === device)?.mtu ?? USUAL_MTU;
}

/** Finds the admitted peers that nothing hinders, and why the others are hindered. */
function findFaults(
  peers: readonly Peer[],
  admissions: ReadonlyMap<string, Admission>,
  foreign: Foreign,
  refused: Refusals,
) {
  const faults = new Map(refused);
  const unhindered = peers.filter((peer) => {
    const refusal = refused.get(peer.tunnel.device);
    if (refusal !== undefined) {
      faults.delete(peer.tunnel.device);
      if (admissions.has(peer.name)) faults.set(peer.name, refusal);
      return false;
    }
    if (!admissions.has(peer.name)) return false;
    const hindrance = findHindrance(peer, foreign);
    if (hindrance === null) return true;
    faults.set(peer.name, new IpipouError(hindrance, EXIT.ipLink));
    return false;
  });
  return { unhindered, faults };
}

/** Whether nothing but the destination decides by which way outer packets leave. */
function goesByMainTable({ link, isRuled, isMarkRuled }: Outside): boolean {
  return link === null && !isRuled && !isMarkRuled;
}

/** Leaves out the peers whose outer packets would be routed into a tunnel. */
function withoutRecursions(
  { unhindered, faults }: ReturnType<typeof findFaults>,
  admissions: Wanted["admissions"],
  outside: Outside,
): ReturnType<typeof findFaults> {
  const recursions = findRecursions(unhindered, admissions);
  const more = [...recursions].map(([name, { network, owner }]) => {
    const whose = owner === name ? "" : ` of ${owner}`;
    const message =
      `Cannot make the tunnel to ${admissions.get(name)!.remote!.ip}: that address is in the network ` +
      `${network}${whose} (--routes), so the tunnel's own packets would be routed into a tunnel; ` +
      `give networks without it, or a device to send by: --fou-local ${outside.ip}@${outside.device}`;
    return [name, new IpipouError(message, EXIT.ipLink)] as const;
  });
  return {
    unhindered: unhindered.filter(({ name }) => !recursions.has(name)),
    faults: new Map([...faults, ...more]),
  };
}

/** Leaves out the peers whose inner address is where packets of tunnels go, or the other way round. */
function withoutInnerHosts(
  { unhindered, faults }: ReturnType<typeof findFaults>,
  admissions: Wanted["admissions"],
  standing: KernelState["tunnels"],
  outside: Outside,
): ReturnType<typeof findFaults> {
  const found = findInnerHosts(unhindered, admissions, standing);
  const more = [...found].map(([name, { owner, guest }]) => {
    const { tunnel: { device, peerIp } } = owner;
    const problem = owner.name === name
      ? `Cannot make the tunnel device ${device}: its far address in the tunnel, ${peerIp} (--tunl-peer-ip), is where ` +
        `${guest === name ? "this peer" : guest} is outside of it`
      : `Cannot make the tunnel to ${peerIp}: that is the far address in the tunnel of ${owner.name} (--tunl-peer-ip)`;
    const message =
      `${problem}, so the tunnel's own packets would be routed into a tunnel; give another one, or a ` +
      `device to send by: --fou-local ${outside.ip}@${outside.device}`;
    return [name, new IpipouError(message, EXIT.ipLink)] as const;
  });
  return {
    unhindered: unhindered.filter(({ name }) => !found.has(name)),
    faults: new Map([...faults, ...more]),
  };
}

function findHindrance({ tunnel: { device }, routes }: Peer, foreign: Foreign): string | null {
  const kind = foreign.devices.get(device);
  if (kind !== undefined) {
    return `Cannot make the tunnel device ${device}: there is a device of this name that is not ours (${kind}); ` +
      "remove it or choose another name with --tunl-dev";
  }
  const route = routes.find((network) => (foreign.routes.get(routeKey(network)) ?? device) !== device);
  if (route === undefined) return null;
  const owner = foreign.routes.get(routeKey(route));
  const where = owner ? ` (dev ${owner})` : "";
  return `Cannot route ${route} into ${device}: there is a route to it that is not ours${where}; ` +
    "remove it or leave it out of the peer's routes";
}

/**
 * The listeners of a client's tunnel, or of a server: at its main address, and at the private addresses in use. They are
 * not bound to a device, as any user of this host could take the same port on another one, and send as if it were ours.
 * One that is bound already may stay so.
 */
function desiredListeners(
  { mode, local: { ports } }: Settings,
  outside: Outside,
  members: readonly Member[],
  stuck: readonly Tunnel[],
  { own, foreign, vrfMembers }: Observed,
): Map<string, Listener> {
  // A client that has a private address holds the port at its main one all the same, or any user could.
  const isAtMain = mode === "server" || members.some(({ remote }) => remote.alt !== null);
  const main = isAtMain ? ports.map((port) => ({ ip: outside.ip, port })) : [];
  const used = members.map(({ tunnel }) => tunnel)
    .filter((tunnel) => !isParked(tunnel) && ports.includes(tunnel.local.port))
    .map(({ local }) => local);
  // What stays as it is gets nothing new.
  const kept = stuck.map(({ local }) => local).filter((local) => own.listeners.has(listenerKey(local)));
  const { link } = outside;
  const bound = link !== null && vrfMembers.has(link) ? link : null;
  const byKey = new Map([...main, ...used, ...kept].map((local) => {
    const key = listenerKey(local);
    return [key, { local, device: own.listeners.get(key)?.device === link ? link : bound }];
  }));
  return new Map(
    [...byKey].filter(([key, { local }]) =>
      !foreign.listeners.has(key) && !isForeignListener(foreign, local)
    ),
  );
}
