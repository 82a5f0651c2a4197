import type { Endpoint } from "../packet.ts";
import { GATE_CHAINS, GATE_SETS, gateNames, parseGateComment } from "./gate_rules.ts";
import { parseMark } from "./mark.ts";
import { findEmptyChains, findObsoleteRules, type NftExpression } from "./obsolete_rules.ts";
import {
  ANY_ADDRESS,
  type Gate,
  type Listener,
  listenerKey,
  type Observed,
  pairKey,
  type Remote,
  remoteKey,
  type Tunnel,
} from "./state.ts";

/** By what an instance knows its own. */
export interface Identity {
  readonly name: string;
  readonly table: string;
  /** Device names its tunnels have. An unmarked FOU device of such a name and port is taken over. */
  readonly devices: ReadonlySet<string>;
  readonly port: number;
  /** Netfilter queue it reads. */
  readonly queue: number;
  /** Private local addresses its peers may have. */
  readonly alts: ReadonlySet<string>;
}

/** One device as `ip -j -d address show` prints it, as far as it matters here. */
export interface IpDevice {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly link?: string | null;
  readonly ifalias?: string;
  readonly "link_type": string;
  readonly linkinfo?: {
    readonly "info_kind"?: string;
    readonly "info_data"?: {
      readonly remote?: string;
      readonly local?: string;
      readonly link?: string;
      readonly encap?: { type: string; sport: number; dport: number; csum: boolean };
    };
  };
  readonly "addr_info": readonly {
    readonly family: string;
    readonly local: string;
    readonly address?: string;
  }[];
}

/** One listener as `ip -j fou show` prints it. */
export interface IpFou {
  readonly port: number;
  readonly family: string;
  readonly local?: string;
  readonly dev?: string;
}

/** One element of a map or set as `nft -j` prints it: bare, or with its timeout. */
type NftKey = { concat: [string, number] } | string;
type NftTimed = NftKey | { elem: { val: NftKey; timeout: number; expires: number } };

/** One object of `nft -j list table`. */
export interface NftObject {
  readonly chain?: { readonly name: string };
  readonly rule?: {
    readonly chain: string;
    readonly handle?: number;
    readonly comment?: string;
    readonly expr?: readonly NftExpression[];
  };
  readonly set?: { readonly name: string; readonly elem?: readonly NftTimed[] };
  readonly map?: { readonly name: string; readonly elem?: readonly [NftTimed, unknown][] };
}

/** Everything that `ip` and `nft` were asked. */
export interface Listing {
  readonly devices: readonly IpDevice[];
  readonly fou: readonly IpFou[];
  /** Empty where the table is not there. */
  readonly nft: readonly NftObject[];
}

/** Sorts what was found in the kernel into ours and others'. @param now milliseconds of a clock that never jumps */
export function sortOut({ devices, fou, nft }: Listing, identity: Identity, now: number): Observed {
  const own = devices.filter((device) => isOwnTunnel(device, identity));
  const others = devices.filter((device) => !own.includes(device));
  const tunnels = own.map(toTunnel);
  const gate = findGate(nft, identity, now);
  const listeners = fou.filter(({ family }) => family === "inet").map(toListener);
  const isOwn = (listener: Listener) => isOwnListener(listener.local, tunnels, gate);
  const byKey = (list: Listener[]) =>
    list.map((listener) => [listenerKey(listener.local), listener] as const);
  const addresses = others.flatMap((device) => ipv4Of(device).map((ip) => [ip, device.ifname] as const));
  const altAddresses = addresses.filter(([ip]) => isOwnAlt(ip, identity, tunnels));
  const obsoleteRules = findObsoleteRules(nft, identity);
  return {
    own: {
      tunnels: new Map(tunnels.map((tunnel) => [tunnel.name, tunnel])),
      listeners: new Map(byKey(listeners.filter(isOwn))),
      altAddresses: new Map(altAddresses),
      gate,
      obsoleteRules,
    },
    foreign: {
      devices: new Map(
        others.map((device) => [device.ifname, device.linkinfo?.info_kind ?? device.link_type]),
      ),
      pairs: new Set(others.flatMap(pairOf)),
      listeners: new Map(byKey(listeners.filter((listener) => !isOwn(listener)))),
      addresses: new Map(addresses.filter(([ip]) => !isOwnAlt(ip, identity, tunnels))),
      emptyChains: findEmptyChains(nft, obsoleteRules),
    },
    hostAddresses: new Map(devices.map((device) => [device.ifname, ipv4Of(device)])),
  };
}

function isOwnTunnel(device: IpDevice, { name, devices, port }: Identity): boolean {
  if (device.linkinfo?.info_kind !== "ipip") return false;
  const encap = device.linkinfo.info_data?.encap;
  if (encap?.type !== "fou") return false;
  if (device.ifalias !== undefined) return parseMark(device.ifalias)?.name === name;
  return devices.has(device.ifname) && encap.sport === port;
}

function isOwnListener(local: Endpoint, tunnels: readonly Tunnel[], gate: Gate | null): boolean {
  const users = tunnels.filter((tunnel) => listenerKey(tunnel.local) === listenerKey(local));
  const texts = users.map((tunnel) => tunnel.alias);
  if (gate !== null && listenerKey(gate.local) === listenerKey(local)) texts.push(gate.mark);
  const marks = texts.map(parseMark).filter((mark) => mark !== null);
  return marks.length > 0 && !marks.some((mark) => mark.foreignListener);
}

function isOwnAlt(ip: string, { alts }: Identity, tunnels: readonly Tunnel[]): boolean {
  const users = tunnels.filter((tunnel) => tunnel.local.ip === ip);
  const marks = users.map((user) => parseMark(user.alias)).filter((mark) => mark !== null);
  return alts.has(ip) && marks.length > 0 && !marks.some((mark) => mark.foreignAddress);
}

function toTunnel(device: IpDevice): Tunnel {
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

function findGate(objects: readonly NftObject[], { name, table }: Identity, now: number): Gate | null {
  const names = gateNames(name);
  const ours = new Set<string>([...GATE_CHAINS, ...GATE_SETS].map((part) => names[part]));
  const found = objects.map(({ chain, set, map }) => chain?.name ?? set?.name ?? map?.name ?? "");
  const parts = new Set(found.filter((part) => ours.has(part)));
  if (parts.size === 0) return null;
  const comment = objects.find(({ rule }) => rule?.chain === names.gate && rule.comment)?.rule?.comment ?? "";
  const parsed = parseGateComment(comment);
  const elements = (wanted: string) =>
    objects.flatMap(({ set }) => set?.name === wanted ? set.elem ?? [] : []);
  const pairs = (wanted: string) => objects.flatMap(({ map }) => map?.name === wanted ? map.elem ?? [] : []);
  const locals = new Map(pairs(names.locals).map(([key, alt]) => [endpointKey(key), String(alt)]));
  const rules = objects.filter(({ rule }) => rule !== undefined && parts.has(rule.chain));
  const isWhole = parsed?.fingerprint.endsWith(`.${rules.length}`) ?? false;
  const remotes = pairs(names.remotes).map(([key]) => toRemote(key, locals, now));
  return {
    table,
    name,
    fingerprint: isWhole ? parsed!.fingerprint : "",
    mark: parsed?.mark ?? "",
    local: parsed?.local ?? { ip: "0.0.0.0", port: 0 },
    remotes: new Map(remotes.map((remote) => [remoteKey(remote.endpoint), remote])),
    addresses: new Set(elements(names.addresses).map(String)),
    alts: new Set(elements(names.alts).map(String)),
    parts,
  };
}

function toRemote(key: NftTimed, locals: ReadonlyMap<string, string>, now: number): Remote {
  const timed = typeof key === "object" && "elem" in key ? key.elem : null;
  return {
    endpoint: endpointOf(key),
    alt: locals.get(endpointKey(key)) ?? null,
    expiresAt: timed === null ? null : now + timed.expires * 1000,
  };
}

function endpointOf(key: NftTimed): Endpoint {
  const bare = typeof key === "object" && "elem" in key ? key.elem.val : key;
  if (typeof bare === "string") {
    throw new TypeError(`Cannot read the map key ${bare}: not an address and port`);
  }
  return { ip: bare.concat[0], port: bare.concat[1] };
}

function endpointKey(key: NftTimed): string {
  return remoteKey(endpointOf(key));
}
