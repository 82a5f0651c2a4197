import type { Endpoint } from "./packet.ts";

/**
 * One part of the key of an element: an IPv4 address; 16 bits, as a port; 32 bits; the name of a device; or a network:
 * IP/LENGTH or IP.
 */
export type KeyPart =
  | string
  | number
  | { readonly word: number }
  | { readonly device: string }
  | { readonly network: string };

/** An element of an nftables set or map. */
export interface Element {
  readonly key: readonly KeyPart[];
  /** Whole milliseconds from now until it is removed; null: never. */
  readonly timeout: number | null;
  /** What a map has for it: a verdict, or an IPv4 address. Null: there is none in a set, and none is needed to delete. */
  readonly value: string | null;
}

/** What is said of a request that the kernel has no FOU for. `ip` says the same, and not of which line. */
export const NO_FOU = "Error talking to the kernel";

/** The verdict that a map may have for an element. */
export const ACCEPT = "accept";

/** Elements of a set or map, in a table of family ip, that come or go. */
export interface ElementsRequest {
  readonly kind: "elements";
  readonly verb: "add" | "delete";
  readonly table: string;
  readonly set: string;
  readonly elements: readonly Element[];
}

/** The outer half of an ipip device with `encap fou`, whole. */
export interface OuterRequest {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** 0: that of the packet inside. */
  readonly ttl: number;
  /** As the kernel keeps it; odd: that of the packet inside. */
  readonly tos: number;
  readonly pmtudisc: boolean;
  /** 0: none. */
  readonly fwmark: number;
  readonly checksum: boolean;
  /** The device that it is bound to, and stays bound to; null: none. */
  readonly link: string | null;
}

/** An ipip device that is made. */
export interface NewLinkRequest {
  readonly kind: "new link";
  readonly device: string;
  readonly mtu: number;
  readonly outer: OuterRequest;
}

/** A change of an ipip device. What is null stays as it is. */
export interface LinkRequest {
  readonly kind: "link";
  readonly device: string;
  readonly mtu: number | null;
  readonly alias: string | null;
  readonly outer: OuterRequest | null;
  /** Brings it up. */
  readonly isUp: true | null;
}

/** An address that comes or goes, without a network. */
export interface AddressRequest {
  readonly kind: "address";
  readonly verb: "add" | "delete";
  readonly ip: string;
  /** The address at the other end of the device; null: there is no such end. */
  readonly peerIp: string | null;
  readonly device: string;
  readonly scope: "host" | "global";
}

/** A route in the main table, by a device, that comes or goes. */
export interface RouteRequest {
  readonly kind: "route";
  readonly verb: "add" | "replace" | "delete";
  /** As `ip` prints it: "default", IP, or IP/LENGTH. */
  readonly network: string;
  readonly device: string;
  /** Who made it; see ip-route(8). */
  readonly protocol: number;
}

/** The route by which the kernel takes an address for its own: it is there afterwards, or was there and goes. */
export interface LocalRouteRequest {
  readonly kind: "local route";
  readonly verb: "replace" | "delete";
  readonly ip: string;
  readonly device: string;
}

/** A FOU port for IPIP that comes or goes. */
export interface FouRequest {
  readonly kind: "fou";
  readonly verb: "add" | "del";
  readonly local: Endpoint;
  /** The device that it is bound to; null: none. */
  readonly device: string | null;
}

/** A change of one object that the kernel takes by itself; several elements are one transaction. */
export type ObjectRequest =
  | NewLinkRequest
  | LinkRequest
  | AddressRequest
  | RouteRequest
  | LocalRouteRequest
  | FouRequest;

/** What the kernel can be asked to change without a program. */
export type KernelRequest = ElementsRequest | ObjectRequest;
