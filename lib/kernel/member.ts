import type { Admission } from "../admission.ts";
import { type Endpoint, placeKey } from "../packet.ts";
import type { Peer, Settings } from "../settings/settings.ts";
import { formatMark } from "./mark.ts";
import {
  ANY_ADDRESS,
  listenerKey,
  type Observed,
  parkingPlace,
  type Remote,
  routeKey,
  sourceKey,
  type Tunnel,
} from "./state.ts";

/** The outer address and device an instance works on. */
export interface Outside {
  readonly ip: string;
  /** The device the address is on: private local addresses go there too. */
  readonly device: string;
}

/** What is others'. */
export type Foreign = Observed["foreign"];

/** What an admitted peer's things in the kernel follow from. */
interface Grounds {
  readonly settings: Pick<Settings, "name" | "encapCsum"> & {
    readonly local: Pick<Settings["local"], "device">;
  };
  readonly outside: Outside;
  readonly peer: Peer;
  readonly admission: Admission;
  /** The outer local address of its tunnel; null: it leads nowhere. */
  readonly local: string | null;
  readonly foreign: Foreign;
}

/** An admitted peer and its things in the kernel. */
export interface Member {
  readonly admission: Admission;
  readonly tunnel: Tunnel;
  /** What lets it in, as long as its admission is live, and its `placeKey`. */
  readonly remote: Remote;
  readonly key: string;
  /** What may be in its tunnel, as `sourceKey` writes it; null: anything. */
  readonly sources: readonly string[] | null;
}

const latest = new WeakMap<Peer, { readonly grounds: Grounds; readonly member: Member }>();

/** Makes a member, the very same one as before where it follows from the same: most peers stay as they are. */
export function memberOf(grounds: Grounds): Member {
  const known = latest.get(grounds.peer);
  if (known !== undefined && isSame(known.grounds, grounds)) return known.member;
  const member = makeMember(grounds);
  latest.set(grounds.peer, { grounds, member });
  return member;
}

function isSame(a: Grounds, b: Grounds): boolean {
  return a.settings.name === b.settings.name && a.settings.encapCsum === b.settings.encapCsum &&
    a.settings.local.device === b.settings.local.device && a.outside === b.outside &&
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
  { settings, outside, peer, admission: { remote, port }, local: ip, foreign }: Grounds,
): Tunnel {
  const { device, ip: innerIp, peerIp } = peer.tunnel;
  const parking = parkingPlace(peerIp);
  const local = { ip: ip ?? parking.local, port };
  const isPrivate = ip !== null && ip !== outside.ip;
  const alias = formatMark({
    name: settings.name,
    foreignPorts: isForeignListener(foreign, local) ? [port] : [],
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

/** Tells whether a FOU port is another's, at this address or at all of them, and no instance's. */
export function isForeignListener({ listeners, claims }: Foreign, local: Endpoint): boolean {
  const key = listenerKey(local);
  const isClaimed = claims.has(key);
  return listeners.has(key) && !isClaimed ||
    listeners.has(listenerKey({ ip: ANY_ADDRESS, port: local.port }));
}
