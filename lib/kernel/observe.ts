import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { outerHeader } from "../outer_header.ts";
import { parseMark } from "./mark.ts";
import { FIRST_DYNAMIC_PORT } from "../packet.ts";
import type { Identity } from "./identity.ts";
import type { IpDevice, IpFou, IpLists, IpRoute, NftTable } from "../listing.ts";
import { realNameOf, renameDevice, renameInFou } from "./names.ts";
import { findGate, findOtherGates } from "./observe_gate.ts";
import { findEmptyChains, findObsoleteRules } from "./obsolete_rules.ts";
import {
  ANY_ADDRESS,
  type Gate,
  HIDING_DEVICE,
  type Link,
  type Listener,
  listenerKey,
  type Observed,
  pairKey,
  ROUTE_PROTOCOL,
  type Tunnel,
} from "./state.ts";

/** IP protocol number of IPv4 in IPv4. */
const IPIP = 4;

/** Device groups from this number on are normally unused. */
const FIRST_GROUP = 0x6900_0000;
/** Stands for an outer address that a device does not have. */
const NO_ADDRESS = "any";

/** What was found in the kernel. */
export interface Listing extends IpLists {
  /** Null: it has no nftables, or they cannot be used. */
  readonly nft: NftTable | null;
}

const NO_TABLE: NftTable = { exists: false, isEmpty: false, chains: [], rules: [], sets: [] };

/** Sorts what was found in the kernel into own and foreign objects. @param now milliseconds of `Clock.now()` */
export function sortOut(listing: Listing, identity: Identity, now: number): Observed {
  const { outer = null } = identity;
  const outerName = realNameOf(listing.devices, outer);
  const { devices, fou, routes } = outerName === null ? listing : renameDevice(listing, outerName, outer!);
  const table = listing.nft ?? NO_TABLE;
  const { own = [], foreign = [] } = Object.groupBy(
    devices,
    (device) => isOwnTunnel(device, identity) ? "own" : "foreign",
  );
  const { ownRoutes, foreignRoutes } = sortRoutes(routes, own);
  const tunnels = own.map((device) => toTunnel(device, ownRoutes.get(device.ifname) ?? []));
  const gate = findGate(table, identity, now);
  const claims = new Map(foreign.flatMap(claimOf));
  const listeners = sortListeners(fou, tunnels, gate, claims, identity.made);
  const addresses = foreign.flatMap((device) => ipv4Of(device).map((ip) => [ip, device.ifname] as const));
  const isOwnAlt = ownAlts(tunnels, identity.made);
  const obsoleteRules = findObsoleteRules(table, identity);
  return {
    own: {
      tunnels: new Map(tunnels.map((tunnel) => [tunnel.name, tunnel])),
      listeners: listeners.own,
      altAddresses: new Map(addresses.filter(([ip]) => isOwnAlt(ip))),
      gate,
      obsoleteRules,
    },
    foreign: {
      devices: new Map([
        ...devices.flatMap(({ ifname, altnames = [] }) =>
          altnames.map((name) => [name, `an alternative name of ${ifname}`] as const)
        ),
        ...foreign.map((device) => [device.ifname, device.linkinfo?.info_kind ?? device.link_type] as const),
      ]),
      pairs: new Set(foreign.flatMap(addressPairOf)),
      listeners: listeners.foreign,
      claims,
      gated: findOtherGates(table, identity),
      addresses: new Map(addresses.filter(([ip]) => !isOwnAlt(ip))),
      routes: foreignRoutes,
      emptyChains: findEmptyChains(table, obsoleteRules),
      wildcards: foreign.filter(isWildcard).map(({ ifname }) => ifname),
      tunnelPorts: new Set(foreign.flatMap((device) => device.linkinfo?.info_data?.encap?.sport ?? [])),
    },
    hasNft: listing.nft !== null,
    outerName,
    hostAddresses: new Map(devices.map((device) => [device.ifname, ipv4Of(device)])),
    unfitAddresses: findUnfitAddresses(devices),
    loneAddresses: new Set(devices.flatMap(loneAddressesOf)),
    vrfMembers: findVrfMembers(devices),
    isLoopbackUp: devices.some(({ ifname, flags }) => ifname === HIDING_DEVICE && flags.includes("UP")),
    links: new Map(devices.map((device) => [device.ifindex, toLink(device)])),
    paths: new Map(),
    ownIndexes: new Set(own.map(({ ifindex }) => ifindex)),
    unusedGroup: findUnusedGroup(devices, identity.name),
  };
}

function findUnfitAddresses(devices: readonly IpDevice[]): Map<string, string> {
  const unfit = devices.flatMap(({ addr_info, flags }) =>
    addr_info.flatMap((address) => {
      const why = describeUnfit(address, flags.includes("LOOPBACK"));
      return why === null ? [] : [[address.local, why] as const];
    })
  );
  const isPrivate = ({ ifalias = "" }: IpDevice) => (parseMark(ifalias)?.privateAddress ?? null) !== null;
  const ofTunnels = devices.filter(isPrivate).flatMap(({ linkinfo }) => linkinfo?.info_data?.local ?? []);
  return new Map([...unfit, ...ofTunnels.map((ip) => [ip, "private to a tunnel"] as const)]);
}

function describeUnfit(
  { local, scope, deprecated, tentative, dadfailed }: IpDevice["addr_info"][number],
  isOnLoopback: boolean,
): string | null {
  if (dadfailed || tentative) return dadfailed ? "in use by another host" : "tentative";
  if (deprecated) return "deprecated";
  if (scope === "link" || local.startsWith("169.254.")) return "link-local";
  return scope === "host" && !isOnLoopback ? "of this host alone" : null;
}

function findVrfMembers(devices: readonly IpDevice[]): Set<string> {
  const vrfs = new Set(
    devices.filter(({ linkinfo }) => linkinfo?.info_kind === "vrf").map(({ ifname }) => ifname),
  );
  const members = devices.filter(({ master }) => vrfs.has(master ?? "")).map(({ ifname }) => ifname);
  return new Set([...vrfs, ...members]);
}

/** Replaces the FOU ports in what is known. */
export function withListeners(
  known: Observed,
  list: readonly IpFou[],
  { made, outer = null }: Pick<Identity, "made" | "outer">,
): Observed {
  const { own: { tunnels, gate }, outerName } = known;
  const fou = outerName === null ? list : renameInFou(list, outerName, outer!);
  const { own, foreign } = sortListeners(fou, [...tunnels.values()], gate, known.foreign.claims, made);
  return {
    ...known,
    own: { ...known.own, listeners: own },
    foreign: isDeepStrictEqual(known.foreign.listeners, foreign)
      ? known.foreign
      : { ...known.foreign, listeners: foreign },
  };
}

function isOwnTunnel(device: IpDevice, identity: Identity): boolean {
  const { name, devices, ports, serverPorts, indexes } = identity;
  if (device.linkinfo?.info_kind !== "ipip") return false;
  // Others may have made it plain IPIP.
  if (device.ifalias !== undefined) return parseMark(device.ifalias)?.name === name;
  const encap = device.linkinfo.info_data?.encap;
  if (encap?.type !== "fou") return false;
  if (indexes?.has(device.ifindex)) return true;
  const isMoved = encap.sport >= FIRST_DYNAMIC_PORT && serverPorts?.has(encap.dport) === true;
  return devices.has(device.ifname) && (ports.has(encap.sport) || isMoved);
}

/** Our routes by device, and the foreign ones that would clash with a route of ours to the same destination. */
function sortRoutes(routes: readonly IpRoute[], own: readonly IpDevice[]) {
  const ownRoutes = new Map<string, string[]>(own.map(({ ifname }) => [ifname, []]));
  const foreignRoutes = new Map<string, string>();
  for (const { dst, dev = "", protocol, metric, tos } of routes) {
    const list = protocol === ROUTE_PROTOCOL ? ownRoutes.get(dev) : undefined;
    if (list !== undefined) list.push(dst);
    else if (metric === undefined && tos === undefined) foreignRoutes.set(dst, dev);
  }
  return { ownRoutes, foreignRoutes };
}

/** The claim of a device of another instance: its FOU port, unless its mark says that is foreign, and its instance. */
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
  const listeners = fou.filter(isForTunnels).map(toListener);
  const entries = listeners.map((listener) => [listenerKey(listener.local), listener] as const);
  const isOwn = ownListeners(tunnels, gate, claims, made);
  return {
    own: new Map(entries.filter(([key]) => isOwn(key))),
    foreign: new Map(entries.filter(([key]) => !isOwn(key))),
  };
}

/** Tells which listeners are ours alone: something of ours uses them, no mark says they are foreign, no one claims them. */
export function ownListeners(
  tunnels: readonly Tunnel[],
  gate: Gate | null,
  claims: ReadonlyMap<string, string>,
  made: Identity["made"],
): (key: string) => boolean {
  const users = [
    ...tunnels,
    ...gate?.ports.map((port) => ({ local: { ip: gate.ip, port }, alias: gate.mark })) ?? [],
  ];
  const said = users.map(({ local, alias }) =>
    [listenerKey(local), parseMark(alias)?.foreignPorts.includes(local.port)] as const
  );
  const isOwn = ownKeys(said, made);
  return (key) => isOwn(key) && !claims.has(key);
}

function ownAlts(tunnels: readonly Tunnel[], made: Identity["made"]): (ip: string) => boolean {
  const said = tunnels.map(({ local, alias }) => {
    const maker = parseMark(alias)?.privateAddress ?? null;
    return [local.ip, maker === null ? undefined : maker === "foreign"] as const;
  });
  return ownKeys(said, made);
}

/** Keys that we made or that a mark says are ours, unless a mark says they are foreign. */
function ownKeys(
  said: readonly (readonly [key: string, isForeign: boolean | undefined])[],
  made: Identity["made"],
): (key: string) => boolean {
  const keysOf = (wanted: boolean) =>
    new Set(said.filter(([, isForeign]) => isForeign === wanted).map(([key]) => key));
  const [own, foreign] = [keysOf(false).union(made), keysOf(true)];
  return (key) => own.has(key) && !foreign.has(key);
}

/** Numbers differ by instance: none deletes the group that another one was killed over. */
function findUnusedGroup(devices: readonly IpDevice[], name: string): number {
  const used = new Set(devices.map(({ group }) => group));
  let group = FIRST_GROUP + createHash("sha256").update(name).digest().readUIntBE(0, 3);
  while (used.has(group)) group++;
  return group;
}

function toTunnel(device: IpDevice, routes: readonly string[]): Tunnel {
  const info = device.linkinfo!.info_data!;
  const { remote = NO_ADDRESS, local = NO_ADDRESS, link, encap } = info;
  const { fwmark = 0, ttl = 0, tos = 0, pmtudisc = true } = info;
  // No tunnel is to be at port 0.
  const { dport, sport, csum } = encap?.type === "fou" ? encap : { dport: 0, sport: 0, csum: false };
  // Others may have given it more.
  const inner = device.addr_info.find(({ prefixlen, address }) => prefixlen === 32 && address !== undefined);
  return {
    name: device.ifname,
    alias: device.ifalias ?? "",
    remote: { ip: remote, port: dport },
    local: { ip: local, port: sport },
    checksum: csum,
    header: outerHeader(ttl, tos, pmtudisc),
    mtu: device.mtu,
    fwmark,
    link: link ?? device.link ?? null,
    inner: inner === undefined ? null : { ip: inner.local, peerIp: inner.address! },
    up: device.flags.includes("UP"),
    routes,
  };
}

function toLink({ ifname, mtu, flags }: IpDevice): Link {
  return { name: ifname, mtu, isUp: flags.includes("UP") };
}

/** Whether a FOU port takes IPIP in IPv4 from anywhere. Another kind at our port is in the way, and of no use. */
function isForTunnels({ family, ipproto, peer }: IpFou): boolean {
  return family === "inet" && ipproto === IPIP && peer === undefined;
}

function toListener({ port, local, dev }: IpFou): Listener {
  return { local: { ip: local ?? ANY_ADDRESS, port }, device: dev ?? null };
}

function addressPairOf(device: IpDevice): string[] {
  const { remote, local } = device.linkinfo?.info_data ?? {};
  const isIpip = device.linkinfo?.info_kind === "ipip";
  return isIpip && remote !== undefined && local !== undefined ? [pairKey(local, remote)] : [];
}

/** Whether a device takes IPIP from any address, where no other device takes it. */
function isWildcard({ flags, linkinfo }: IpDevice): boolean {
  const { remote = "any" } = linkinfo?.info_data ?? {};
  return linkinfo?.info_kind === "ipip" && remote === "any" && flags.includes("UP");
}

function loneAddressesOf(device: IpDevice): string[] {
  return device.addr_info.filter(({ prefixlen, address }) => prefixlen === 32 && address === undefined)
    .map(({ local }) => local);
}

function ipv4Of(device: IpDevice): string[] {
  return device.addr_info.map(({ local }) => local);
}
