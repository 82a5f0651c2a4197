/** One device as `ip -j -d address show` prints it, as far as it matters here. */
export interface IpDevice {
  readonly ifindex: number;
  readonly ifname: string;
  readonly altnames?: readonly string[];
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly link?: string | null;
  /** Of a device that was moved here from another network namespace, or is bound to one there. */
  readonly "link_netnsid"?: number;
  /** The bridge, bond or VRF that it belongs to. */
  readonly master?: string;
  readonly ifalias?: string;
  /** Number, or name where it has one. */
  readonly group?: string;
  readonly "link_type": string;
  readonly linkinfo?: {
    readonly "info_kind"?: string;
    readonly "info_data"?: {
      readonly remote?: string;
      readonly local?: string;
      readonly link?: string;
      /** 0: inherit. */
      readonly ttl?: number;
      /** In hexadecimal digits after 0x; 1: inherit. */
      readonly tos?: string;
      readonly pmtudisc?: boolean;
      /** Hexadecimal, after 0x. */
      readonly fwmark?: string;
      readonly encap?: { type: string; sport: number; dport: number; csum: boolean };
    };
  };
  readonly "addr_info": readonly {
    readonly family: string;
    readonly local: string;
    readonly address?: string;
    readonly prefixlen?: number;
    readonly scope?: string;
    readonly deprecated?: true;
    readonly tentative?: true;
    readonly dadfailed?: true;
  }[];
}

/** One listener as `ip -j fou show` prints it. */
export interface IpFou {
  readonly port: number;
  readonly family: string;
  /** Missing where it takes packets in GUE. */
  readonly ipproto?: number;
  readonly local?: string;
  readonly peer?: string;
  readonly "peer_port"?: number;
  readonly dev?: string;
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

/** One route of the main table as `ip -j route show` prints it. */
export interface IpRoute {
  readonly dst: string;
  readonly dev?: string;
  readonly protocol?: string;
  readonly metric?: number;
  /** For packets of one type of service alone. */
  readonly tos?: string;
}

/** The answers of `ip` and `nft`. */
export interface Listing {
  readonly devices: readonly IpDevice[];
  readonly fou: readonly IpFou[];
  readonly routes: readonly IpRoute[];
  /** Empty when the table does not exist; null: nft cannot be used. */
  readonly nft: readonly NftObject[] | null;
}

/** One element of a map or set as `nft -j` prints it: bare, or with its timeout. */
type NftKey = { concat: readonly NftPart[] } | string;
export type NftPart = string | number | { readonly prefix: { readonly addr: string; readonly len: number } };
export type NftTimed = NftKey | { elem: { val: NftKey; timeout: number; expires: number } };

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

/** One match or statement of a rule as `nft -j` prints it, as far as version 0.1 used it. */
export interface NftExpression {
  readonly match?: { readonly left: NftField; readonly right: unknown };
  readonly counter?: unknown;
  readonly queue?: { readonly num: unknown };
  readonly dnat?: { readonly addr: unknown };
  readonly snat?: { readonly addr: unknown };
}

interface NftField {
  readonly payload?: { readonly protocol: string; readonly field: string };
  readonly meta?: { readonly key: string };
}
