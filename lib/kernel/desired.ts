import { authPayloadLength } from "../auth/scheme.ts";
import { EXIT, IpipouError } from "../errors.ts";
import { type Admission, isLive } from "../gate.ts";
import type { Endpoint } from "../packet.ts";
import type { Peer, Settings } from "../settings/settings.ts";
import { capacityFor, fingerprintOf, partsOf } from "./gate_rules.ts";
import { assignLocals } from "./layout.ts";
import { formatMark } from "./mark.ts";
import {
  type Gate,
  type GateRules,
  isParked,
  type KernelState,
  type Listener,
  listenerKey,
  type Observed,
  parkingPlace,
  type Remote,
  remoteKey,
  routeKey,
  sourceKey,
  type Tunnel,
} from "./state.ts";

/** A gate as it should be, with what its rules are made of. */
export interface DesiredGate extends Gate {
  readonly rules: GateRules;
}

/** The state of the kernel that one instance wants. */
export interface DesiredState extends KernelState {
  readonly gate: DesiredGate | null;
}

/** The outer address and device an instance works on. */
export interface Outside {
  readonly ip: string;
  /** The device the address is on: private local addresses go there too. */
  readonly device: string;
}

/** An admitted peer and its tunnel. */
interface Member {
  readonly peer: Peer;
  readonly admission: Admission;
  readonly tunnel: Tunnel;
}

type Foreign = Observed["foreign"];

/**
 * Derives what should be in the kernel from the settings, who is admitted, and what others have there.
 *
 * @param now milliseconds of a clock that never jumps
 * @returns it, and why, by name, some peers have no tunnel in it: others' things are in their way
 */
export function desiredState(
  settings: Settings,
  outside: Outside,
  admissions: ReadonlyMap<string, Admission>,
  { own, foreign }: Observed,
  now: number,
): { readonly state: DesiredState; readonly faults: ReadonlyMap<string, IpipouError> } {
  const { peers, mode } = settings;
  const { unhindered, faults } = findFaults(peers, admissions, foreign);
  const addresses = { main: outside.ip, firstAlt: settings.firstAltIp, foreign };
  const layout = assignLocals(unhindered, admissions, own.tunnels, addresses);
  const members = unhindered.filter(({ name }) => !layout.faults.has(name)).map((peer): Member => {
    const admission = admissions.get(peer.name)!;
    const local = layout.locals.get(peer.name) ?? null;
    return { peer, admission, tunnel: desiredTunnel(settings, outside, peer, admission, local, foreign) };
  });
  const tunnels = new Map(members.map(({ tunnel }) => [tunnel.name, tunnel]));
  const alts = new Set([...layout.locals.values()].filter((ip) => ip !== outside.ip));
  const state = {
    tunnels,
    listeners: desiredListeners(settings, outside, members, foreign),
    altAddresses: new Map(
      [...alts].filter((ip) => !foreign.addresses.has(ip)).map((ip) => [ip, outside.device]),
    ),
    gate: mode === "server" ? desiredGate(settings, outside, members, alts, foreign, now) : null,
    obsoleteRules: new Set<string>(),
  };
  return { state, faults: new Map([...faults, ...layout.faults]) };
}

/** Parts admitted peers into those that nothing of others' hinders, and why others are. */
function findFaults(peers: readonly Peer[], admissions: ReadonlyMap<string, Admission>, foreign: Foreign) {
  const faults = new Map<string, IpipouError>();
  const unhindered = peers.filter((peer) => {
    if (!admissions.has(peer.name)) return false;
    const hindrance = findHindrance(peer, foreign);
    if (hindrance === null) return true;
    const message = `Cannot make the tunnel device ${peer.tunnel.device}: ${hindrance}`;
    faults.set(peer.name, new IpipouError(message, EXIT.ipLink));
    return false;
  });
  return { unhindered, faults };
}

function findHindrance({ tunnel: { device }, routes }: Peer, foreign: Foreign): string | null {
  const kind = foreign.devices.get(device);
  if (kind !== undefined) {
    return `there is a device of this name that is not ours (${kind}); ` +
      "remove it or choose another name with --tunl-dev";
  }
  const route = routes.find((network) => (foreign.routes.get(routeKey(network)) ?? device) !== device);
  if (route === undefined) return null;
  const owner = foreign.routes.get(routeKey(route));
  return `there is a route to ${route} that is not ours${owner ? ` (dev ${owner})` : ""}; ` +
    "remove it or leave it out of the peer's routes";
}

/** Tells whether a FOU port is another's: at this address, or at all of them. */
function isForeignListener(foreign: ReadonlySet<string>, local: Endpoint): boolean {
  return foreign.has(listenerKey(local)) || foreign.has(listenerKey({ ip: "0.0.0.0", port: local.port }));
}

/** Where a client's tunnel is, and where clients may come to a server, by the main address and by private ones. */
function desiredListeners(
  { mode, local: { ports, device } }: Settings,
  outside: Outside,
  members: readonly Member[],
  { listeners }: Foreign,
): Map<string, Listener> {
  const main = mode === "server" ? ports.map((port) => ({ ip: outside.ip, port })) : [];
  const used = members.map(({ tunnel }) => tunnel)
    .filter((tunnel) => !isParked(tunnel) && ports.includes(tunnel.local.port))
    .map(({ local }) => local);
  const byKey = new Map([...main, ...used].map((local) => [listenerKey(local), { local, device }]));
  return new Map([...byKey].filter(([, { local }]) => !isForeignListener(listeners, local)));
}

/** @param ip its local address; null: it leads nowhere */
function desiredTunnel(
  settings: Settings,
  outside: Outside,
  peer: Peer,
  { remote, port }: Admission,
  ip: string | null,
  foreign: Foreign,
): Tunnel {
  const { device, ip: innerIp, peerIp } = peer.tunnel;
  const parking = parkingPlace(peerIp);
  const local = { ip: ip ?? parking.local, port };
  const isPrivate = ip !== null && ip !== outside.ip;
  const alias = formatMark({
    name: settings.name,
    foreignPorts: isForeignListener(foreign.listeners, local) ? [port] : [],
    privateAddress: isPrivate ? foreign.addresses.has(ip) ? "foreign" : "own" : null,
  });
  return {
    name: device,
    alias,
    remote: ip === null ? { ip: parking.remote, port } : remote!,
    local,
    checksum: settings.encapCsum,
    link: settings.local.device,
    inner: { ip: innerIp, peerIp },
    up: true,
    routes: peer.routes.map(routeKey).filter((route) => !foreign.routes.has(route)),
  };
}

function desiredGate(
  settings: Settings,
  outside: Outside,
  members: readonly Member[],
  alts: ReadonlySet<string>,
  foreign: Foreign,
  now: number,
): DesiredGate {
  const rules = desiredRules(settings, outside, alts, foreign);
  const present = members.filter(({ tunnel }) => !isParked(tunnel));
  const live = present.filter(({ admission }) =>
    isLive(admission, now) && rules.ports.includes(admission.port)
  );
  const remotes = live.map(({ tunnel, admission: { port, expiresAt } }): Remote => {
    const alt = tunnel.local.ip === outside.ip ? null : tunnel.local.ip;
    return { endpoint: tunnel.remote, port, alt, expiresAt };
  });
  const filtered = members.filter(({ peer }) => peer.allowedIps !== null).map(({ peer }) => peer);
  return {
    table: rules.table,
    name: rules.name,
    fingerprint: fingerprintOf(rules),
    mark: rules.mark,
    ip: rules.ip,
    ports: rules.ports,
    rules,
    remotes: new Map(remotes.map((remote) => [remoteKey(remote.endpoint, remote.port), remote])),
    addresses: new Set(present.map(({ tunnel }) => tunnel.remote.ip)),
    alts,
    devices: new Set(filtered.map(({ tunnel }) => tunnel.device)),
    sources: new Set(
      filtered.flatMap(({ tunnel: { device }, allowedIps }) =>
        allowedIps!.map((network) => sourceKey(device, network))
      ),
    ),
    parts: partsOf(rules),
  };
}

function desiredRules(
  { name, local: { ports, device }, nft, queue, peers }: Settings,
  { ip }: Outside,
  alts: ReadonlySet<string>,
  { listeners }: Foreign,
): GateRules {
  const foreignPorts = ports.filter((port) => isForeignListener(listeners, { ip, port }));
  return {
    table: nft.table,
    name,
    ip,
    ports,
    device,
    capacity: capacityFor(peers.length),
    authLengths: [...new Set(peers.map((peer) => authPayloadLength(peer.scheme)))].sort((a, b) => a - b),
    queue: queue.number,
    counter: nft.counter,
    readdresses: alts.size > 0,
    filters: peers.some(({ allowedIps }) => allowedIps !== null),
    mark: formatMark({ name, foreignPorts, privateAddress: null }),
  };
}
