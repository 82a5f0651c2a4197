/**
 * A network device and its IPv4 addresses, as far as they matter here, under the names that `ip -json -details` gives them.
 */
export interface IpDevice {
  readonly ifindex: number;
  readonly ifname: string;
  /** Alternative names. */
  readonly altnames?: readonly string[] | undefined;
  /** "UP" and "LOOPBACK", where it is that. */
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly link?: string | null | undefined;
  /** Of a device that was moved here from another network namespace, or is bound to one there. */
  readonly "link_netnsid"?: number | undefined;
  /** The bridge, bond or VRF that it belongs to. */
  readonly master?: string | undefined;
  readonly ifalias?: string | undefined;
  readonly group?: number | undefined;
  readonly "link_type": string;
  readonly linkinfo?: {
    readonly "info_kind"?: string | undefined;
    readonly "info_data"?: {
      readonly remote?: string | undefined;
      readonly local?: string | undefined;
      readonly link?: string | undefined;
      /** 0: inherit. */
      readonly ttl?: number | undefined;
      /** Odd: inherit. */
      readonly tos?: number | undefined;
      readonly pmtudisc?: boolean | undefined;
      readonly fwmark?: number | undefined;
      readonly encap?: { type: string; sport: number; dport: number; csum: boolean } | undefined;
    } | undefined;
  } | undefined;
  /** IPv4 addresses. */
  readonly "addr_info": readonly {
    readonly local: string;
    readonly address?: string | undefined;
    readonly prefixlen?: number | undefined;
    readonly scope?: string | undefined;
    readonly deprecated?: boolean | undefined;
    readonly tentative?: boolean | undefined;
    readonly dadfailed?: boolean | undefined;
  }[];
}

/** A FOU port. */
export interface IpFou {
  readonly port: number;
  readonly family: string;
  /** Missing where it takes packets in GUE. */
  readonly ipproto?: number | undefined;
  readonly local?: string | undefined;
  readonly peer?: string | undefined;
  readonly "peer_port"?: number | undefined;
  readonly dev?: string | undefined;
}

/** A FOU port in the words of `ip fou add` and `ip fou del`. */
export function wordsOfFou({ port, family, ipproto, local, peer, peer_port: peerPort, dev }: IpFou): string {
  return [
    ...(family === "inet6" ? ["-6"] : []),
    `port ${port}`,
    ipproto === undefined ? "gue" : `ipproto ${ipproto}`,
    ...(local === undefined ? [] : [`local ${local}`]),
    ...(peer === undefined ? [] : [`peer ${peer} peer_port ${peerPort}`]),
    ...(dev === undefined ? [] : [`dev ${dev}`]),
  ].join(" ");
}

/** A route of the main table. */
export interface IpRoute {
  /** IP/LENGTH, IP for one of a single address, or "default". */
  readonly dst: string;
  /** Missing where it has none, or several. */
  readonly dev?: string | undefined;
  /** Who made it, see ip-route(8). */
  readonly protocol?: number | undefined;
  readonly metric?: number | undefined;
  /** For packets of one type of service alone. */
  readonly tos?: number | undefined;
}

/** What was listed. */
export interface IpLists {
  readonly devices: readonly IpDevice[];
  readonly fou: readonly IpFou[];
  readonly routes: readonly IpRoute[];
}

/** One element of a map or set. */
export interface NftElement {
  /** The parts of its key, each as `nft` reads it: an address, a number, a network IP/LENGTH, a range, a name. */
  readonly key: readonly string[];
  /** What a map has for it: an address, or a verdict such as "accept"; null: nothing, or something else. */
  readonly data: string | null;
  /** Seconds until it times out; null: never. */
  readonly expires: number | null;
}

/** A map or set. */
export interface NftSet {
  readonly name: string;
  /** As `nft` declares it: "type ipv4_addr . inet_service : verdict; flags timeout;". Null: it is of a kind that no gate has. */
  readonly type: string | null;
  readonly elements: readonly NftElement[];
  /** Whether there are elements that cannot be read. */
  readonly isUnclear: boolean;
}

/** One rule. */
export interface NftRule {
  readonly chain: string;
  readonly handle: number | null;
  readonly comment: string;
  readonly expressions: readonly NftExpression[];
}

/** What is in a table. */
export interface NftTable {
  /** Whether there is such a table. */
  readonly exists: boolean;
  /** Whether nothing is in it, of whatever kind. */
  readonly isEmpty: boolean;
  /** Their names. */
  readonly chains: readonly string[];
  /** Chain by chain, in their order. */
  readonly rules: readonly NftRule[];
  /** Maps too. Only those that were asked for have their elements here. */
  readonly sets: readonly NftSet[];
}

/** A match or statement of a rule, as far as it matters here, by name: `{ name: "udp dport", value: 10001 }`. */
export interface NftExpression {
  readonly name: string;
  /** Several: any of them. */
  readonly value: string | number | readonly number[];
}
