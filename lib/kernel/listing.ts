/** The answers of `ip -json` and `nft -j`, not checked yet; see `read_listing.ts`. */
export interface Listing {
  readonly devices: readonly unknown[];
  readonly fou: readonly unknown[];
  readonly routes: readonly unknown[];
  /** Empty when the table does not exist; null: nft cannot be used. */
  readonly nft: readonly unknown[] | null;
}

/** One device of `ip -j -d address show`, as far as it matters here. */
export interface IpDevice {
  readonly ifindex: number;
  readonly ifname: string;
  readonly altnames?: readonly string[] | undefined;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly link?: string | null | undefined;
  /** Of a device that was moved here from another network namespace, or is bound to one there. */
  readonly "link_netnsid"?: number | undefined;
  /** The bridge, bond or VRF that it belongs to. */
  readonly master?: string | undefined;
  readonly ifalias?: string | undefined;
  /** Number, or name where it has one. */
  readonly group?: string | undefined;
  readonly "link_type": string;
  readonly linkinfo?: {
    readonly "info_kind"?: string | undefined;
    readonly "info_data"?: {
      readonly remote?: string | undefined;
      readonly local?: string | undefined;
      readonly link?: string | undefined;
      /** 0: inherit. */
      readonly ttl?: number | undefined;
      /** In hexadecimal digits after 0x; 1: inherit. */
      readonly tos?: string | undefined;
      readonly pmtudisc?: boolean | undefined;
      /** Hexadecimal, after 0x. */
      readonly fwmark?: string | undefined;
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

/** One listener of `ip -j fou show`. */
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

/** One route of the main table, of `ip -j route show`. */
export interface IpRoute {
  readonly dst: string;
  readonly dev?: string | undefined;
  readonly protocol?: string | undefined;
  readonly metric?: number | undefined;
  /** For packets of one type of service alone. */
  readonly tos?: string | undefined;
}

/** What `ip` listed. */
export interface IpLists {
  readonly devices: readonly IpDevice[];
  readonly fou: readonly IpFou[];
  readonly routes: readonly IpRoute[];
}

/** One route of `ip -json route get fibmatch`. */
export interface FoundRoute {
  /** "unicast", "local" … */
  readonly type: string;
  readonly dst: string;
  /** "" where it has none, or several. */
  readonly device: string;
}

/** One element of a map or set. */
export interface NftElement {
  /** The parts of its key, each as `nft` reads it: an address, a number, a network IP/LENGTH, a range, a name. */
  readonly key: readonly string[];
  /** What a map has for it. */
  readonly data: unknown;
  /** Seconds until it times out; null: never. */
  readonly expires: number | null;
}

/** A map or set. */
export interface NftSet {
  readonly name: string;
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

/** What is in a table, each kind in the order of `nft -j list table`. */
export interface NftTable {
  /** Their names. */
  readonly chains: readonly string[];
  readonly rules: readonly NftRule[];
  /** Maps too. */
  readonly sets: readonly NftSet[];
}

/** A match or statement of a rule, as far as it matters here, by name: `{ name: "udp dport", value: 10001 }`. */
export interface NftExpression {
  readonly name: string;
  readonly value: unknown;
}
