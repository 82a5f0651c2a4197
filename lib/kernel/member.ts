import type { Admission } from "../admission.ts";
import { type Endpoint, placeKey } from "../packet.ts";
import type { Peer, Settings } from "../settings/settings.ts";
import { outerHeader } from "../outer_header.ts";
import { formatMark } from "./mark.ts";
import { chooseMtu } from "./mtu.ts";
import {
  ANY_ADDRESS,
  listenerKey,
  type Observed,
  parkedAddresses,
  type Remote,
  routeKey,
  sourceKey,
  type Tunnel,
} from "./state.ts";

/** The outer address and device of an instance. */
export interface Outside {
  readonly ip: string;
  /** The device that has the address; private addresses are added to it. */
  readonly device: string;
  /** The device that tunnels and sockets are bound to; null: none, they leave by the routes of the address. */
  readonly link: string | null;
  /** Whether routing rules ask for the address: they must see it also where a tunnel has a private one. */
  readonly isRuled: boolean;
  /** Whether a routing rule asks for the mark that outer packets have. */
  readonly isMarkRuled: boolean;
}

export type Foreign = Observed["foreign"];

interface Grounds {
  readonly settings: Pick<Settings, "name" | "encapCsum" | "fouMark">;
  readonly outside: Outside;
  readonly peer: Peer;
  readonly admission: Admission;
  /** The outer local address of its tunnel; null: it is parked. */
  readonly local: string | null;
  readonly foreign: Foreign;
  /** MTU of the route to its far address; null: unknown. */
  readonly path: number | null;
  /** MTU of the outside's device. */
  readonly deviceMtu: number;
  /** Its tunnel as it stands. */
  readonly found: Tunnel | undefined;
}

/** An admitted peer and its kernel objects. */
export interface Member {
  readonly admission: Admission;
  readonly tunnel: Tunnel;
  /** Lets it in while its admission is live. */
  readonly remote: Remote;
  /** The remote's `placeKey`. */
  readonly key: string;
  /** The `sourceKey` of each inner source network it may use; null: any. */
  readonly sources: readonly string[] | null;
}

const latest = new WeakMap<Peer, { readonly grounds: Grounds; readonly member: Member }>();

/** Makes a member, or returns the same object as before when nothing changed, as for most peers. */
export function memberOf(grounds: Grounds): Member {
  const known = latest.get(grounds.peer);
  if (known !== undefined && isSame(known, grounds)) return known.member;
  const member = makeMember(grounds);
  latest.set(grounds.peer, { grounds, member });
  return member;
}

function isSame({ grounds: a, member }: { grounds: Grounds; member: Member }, b: Grounds): boolean {
  // From the tunnel that was made the same one follows again.
  const isFound = b.found === member.tunnel || b.found === a.found;
  return isFound && a.path === b.path && a.deviceMtu === b.deviceMtu &&
    a.settings.name === b.settings.name && a.settings.encapCsum === b.settings.encapCsum &&
    a.settings.fouMark === b.settings.fouMark && a.outside === b.outside &&
    a.admission === b.admission && a.local === b.local && a.foreign === b.foreign;
}

function makeMember(grounds: Grounds): Member {
  const { outside, peer: { allowedIps }, admission, local } = grounds;
  const tunnel = makeTunnel(grounds);
  const { port, expiresAt } = admission;
  return {
    admission,
    tunnel,
    remote: { endpoint: tunnel.remote, port, alt: local === outside.ip ? null : local, expiresAt },
    key: placeKey(tunnel.remote, port),
    sources: allowedIps?.map((network) => sourceKey(tunnel.name, network)) ?? null,
  };
}

function makeTunnel(
  { settings, outside, peer, admission: { remote, port }, local: ip, foreign, ...grounds }: Grounds,
): Tunnel {
  const { device, ip: innerIp, peerIp, mtu: given, header: { ttl, tos, pmtudisc } } = peer.tunnel;
  const parked = parkedAddresses(peerIp);
  const local = { ip: ip ?? parked.local, port };
  const isPrivate = ip !== null && ip !== outside.ip;
  const { path, deviceMtu, found } = grounds;
  const { mtu, marked } = chooseMtu({ given, path, device: deviceMtu, fwmark: settings.fouMark, found });
  const alias = formatMark({
    name: settings.name,
    foreignPorts: isForeignListener(foreign, local) ? [port] : [],
    privateAddress: isPrivate ? foreign.addresses.has(ip) ? "foreign" : "own" : null,
    mtu: marked,
  });
  return {
    name: device,
    alias,
    remote: ip === null ? { ip: parked.remote, port } : remote!,
    local,
    // A packet whose inner checksum is left to the device has an outer one that the gate's rewriting would spoil.
    checksum: isPrivate && settings.encapCsum ? false : settings.encapCsum,
    header: outerHeader(ttl === "inherit" ? 0 : ttl, tos === "inherit" ? 1 : tos, pmtudisc),
    mtu,
    fwmark: settings.fouMark,
    // The rewriting that leads to the rules comes after a first look for a route, which may find none but on a device.
    link: isPrivate && outside.isRuled ? outside.device : outside.link,
    inner: { ip: innerIp, peerIp },
    up: true,
    routes: peer.routes.map(routeKey).filter((route) => !foreign.routes.has(route)),
  };
}

/** Whether a FOU port, at this address or at any address, is foreign and claimed by no instance. */
export function isForeignListener({ listeners, claims }: Foreign, local: Endpoint): boolean {
  const key = listenerKey(local);
  const isClaimed = claims.has(key);
  return listeners.has(key) && !isClaimed ||
    listeners.has(listenerKey({ ip: ANY_ADDRESS, port: local.port }));
}
