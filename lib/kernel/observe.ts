import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { parseMark } from "./mark.ts";
import type { Identity } from "./identity.ts";
import type { IpDevice, IpFou, IpRoute, Listing } from "./listing.ts";
import { findGate } from "./observe_gate.ts";
import { findEmptyChains, findObsoleteRules } from "./obsolete_rules.ts";
import {
  ANY_ADDRESS,
  type Gate,
  type Listener,
  listenerKey,
  type Observed,
  pairKey,
  ROUTE_PROTOCOL,
  type Tunnel,
} from "./state.ts";

/** Device groups from here on, for each instance another, are nobody's as a rule. */
const FIRST_GROUP = 0x6900_0000;

/** Sorts what was found in the kernel into ours and others'. @param now milliseconds of a clock that never jumps */
export function sortOut({ devices, fou, routes, nft }: Listing, identity: Identity, now: number): Observed {
  const [own, others] = part(devices, (device) => isOwnTunnel(device, identity));
  const [ownRoutes, otherRoutes] = partRoutes(routes, own);
  const tunnels = own.map((device) => toTunnel(device, ownRoutes.get(device.ifname) ?? []));
  const gate = findGate(nft, identity, now);
  const claims = new Map(others.flatMap(claimOf));
  const listeners = sortListeners(fou, tunnels, gate, claims, identity.made);
  const addresses = others.flatMap((device) => ipv4Of(device).map((ip) => [ip, device.ifname] as const));
  const isOwnAlt = ownAlts(tunnels, identity.made);
  const [ownAddresses, otherAddresses] = part(addresses, ([ip]) => isOwnAlt(ip));
  const obsoleteRules = findObsoleteRules(nft, identity);
  return {
    own: {
      tunnels: new Map(tunnels.map((tunnel) => [tunnel.name, tunnel])),
      listeners: listeners.own,
      altAddresses: new Map(ownAddresses),
      gate,
      obsoleteRules,
    },
    foreign: {
      devices: new Map(
        others.map((device) => [device.ifname, device.linkinfo?.info_kind ?? device.link_type]),
      ),
      pairs: new Set(others.flatMap(pairOf)),
      listeners: listeners.others,
      claims,
      addresses: new Map(otherAddresses),
      routes: otherRoutes,
      emptyChains: findEmptyChains(nft, obsoleteRules),
    },
    hostAddresses: new Map(devices.map((device) => [device.ifname, ipv4Of(device)])),
    ownIndexes: new Set(own.map(({ ifindex }) => ifindex)),
    unusedGroup: findUnusedGroup(devices, identity.name),
  };
}

/** What is known, but for the FOU ports, which were looked at again. */
export function withListeners(known: Observed, fou: readonly IpFou[], made: Identity["made"]): Observed {
  const { tunnels, gate } = known.own;
  const { own, others } = sortListeners(fou, [...tunnels.values()], gate, known.foreign.claims, made);
  return {
    ...known,
    own: { ...known.own, listeners: own },
    foreign: isDeepStrictEqual(known.foreign.listeners, others)
      ? known.foreign
      : { ...known.foreign, listeners: others },
  };
}

function part<T>(list: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  const parts: [T[], T[]] = [[], []];
  for (const item of list) parts[isFirst(item) ? 0 : 1].push(item);
  return parts;
}

function isOwnTunnel(device: IpDevice, { name, devices, ports }: Identity): boolean {
  if (device.linkinfo?.info_kind !== "ipip") return false;
  const encap = device.linkinfo.info_data?.encap;
  if (encap?.type !== "fou") return false;
  if (device.ifalias !== undefined) return parseMark(device.ifalias)?.name === name;
  return devices.has(device.ifname) && ports.has(encap.sport);
}

/** Routes of ours by device, and the others that one of ours with the same destination would clash with. */
function partRoutes(routes: readonly IpRoute[], own: readonly IpDevice[]) {
  const ours = new Map<string, string[]>(own.map(({ ifname }) => [ifname, []]));
  const others = new Map<string, string>();
  for (const { dst, dev = "", protocol, metric } of routes) {
    const list = protocol === String(ROUTE_PROTOCOL) ? ours.get(dev) : undefined;
    if (list !== undefined) list.push(dst);
    else if (metric === undefined) others.set(dst, dev);
  }
  return [ours, others] as const;
}

/** The FOU port that a device of another instance uses and does not say to be another's, and that instance. */
function claimOf({ ifalias, linkinfo }: IpDevice): [string, string][] {
  const { encap, local } = linkinfo?.info_data ?? {};
  const mark = parseMark(ifalias ?? "");
  if (encap?.type !== "fou" || local === undefined || mark === null) return [];
  const key = listenerKey({ ip: local, port: encap.sport });
  return mark.foreignPorts.includes(encap.sport) ? [] : [[key, mark.name]];
}

function sortListeners(
  fou: readonly IpFou[],
  tunnels: readonly Tunnel[],
  gate: Gate | null,
  claims: ReadonlyMap<string, string>,
  made: Identity["made"],
) {
  const listeners = fou.filter(({ family }) => family === "inet").map(toListener);
  const isOwn = ownListeners(tunnels, gate, claims, made);
  const [own, others] = part(listeners, ({ local }) => isOwn(listenerKey(local)))
    .map((list) => new Map(list.map((listener) => [listenerKey(listener.local), listener])));
  return { own: own!, others: others! };
}

/** Tells which listeners are ours alone: something of ours uses them, and nothing says they are another's too. */
export function ownListeners(
  tunnels: readonly Tunnel[],
  gate: Gate | null,
  claims: ReadonlyMap<string, string>,
  made: Identity["made"],
): (key: string) => boolean {
  const marked = [
    ...tunnels.map(({ local, alias }) => ({ local, mark: parseMark(alias) })),
    ...(gate === null ? [] : gate.ports.map((port) => ({
      local: { ip: gate.ip, port },
      mark: parseMark(gate.mark),
    }))),
  ];
  const isOwn = ownKeys(
    marked.map(({ local, mark }) =>
      [
        listenerKey(local),
        mark === null ? null : !mark.foreignPorts.includes(local.port),
      ] as const
    ),
    made,
  );
  return (key) => isOwn(key) && !claims.has(key);
}

function ownAlts(tunnels: readonly Tunnel[], made: Identity["made"]): (ip: string) => boolean {
  return ownKeys(
    tunnels.map(({ local, alias }) => {
      const mark = parseMark(alias)?.privateAddress ?? null;
      return [local.ip, mark === null ? null : mark === "own"] as const;
    }),
    made,
  );
}

/** Keys that we made or a mark says are ours, and no mark says are not. */
function ownKeys(
  said: readonly (readonly [key: string, isOwn: boolean | null])[],
  made: Identity["made"],
): (key: string) => boolean {
  const ours = new Set(said.filter(([, isOwn]) => isOwn === true).map(([key]) => key)).union(made);
  const others = new Set(said.filter(([, isOwn]) => isOwn === false).map(([key]) => key));
  return (key) => ours.has(key) && !others.has(key);
}

/** Each instance has numbers of its own: what one of them was killed over is never deleted by another. */
function findUnusedGroup(devices: readonly IpDevice[], name: string): number {
  const used = new Set(devices.map(({ group }) => Number(group)));
  let group = FIRST_GROUP + createHash("sha256").update(name).digest().readUIntBE(0, 3);
  while (used.has(group)) group++;
  return group;
}

function toTunnel(device: IpDevice, routes: readonly string[]): Tunnel {
  const { remote, local, link, encap } = device.linkinfo!.info_data!;
  const inner = device.addr_info.find(({ family }) => family === "inet");
  return {
    name: device.ifname,
    alias: device.ifalias ?? "",
    remote: { ip: remote!, port: encap!.dport },
    local: { ip: local!, port: encap!.sport },
    checksum: encap!.csum,
    link: link ?? device.link ?? null,
    inner: inner === undefined ? null : { ip: inner.local, peerIp: inner.address ?? inner.local },
    up: device.flags.includes("UP"),
    routes,
  };
}

function toListener({ port, local, dev }: IpFou): Listener {
  return { local: { ip: local ?? ANY_ADDRESS, port }, device: dev ?? null };
}

function pairOf(device: IpDevice): string[] {
  const { remote, local } = device.linkinfo?.info_data ?? {};
  const isIpip = device.linkinfo?.info_kind === "ipip";
  return isIpip && remote !== undefined && local !== undefined ? [pairKey(local, remote)] : [];
}

function ipv4Of(device: IpDevice): string[] {
  return device.addr_info.filter(({ family }) => family === "inet").map(({ local }) => local);
}
