import { type Endpoint, formatEndpoint } from "../packet.ts";
import { formatIpv4, parseIpv4 } from "../ipv4.ts";

/** An `ipip` device with `encap fou`. */
export interface Tunnel {
  /** Device name. */
  readonly name: string;
  /** Says whose the device is; see `mark.ts`. */
  readonly alias: string;
  /** Outer far end; the port is `encap-dport`. */
  readonly remote: Endpoint;
  /** Outer near end; the port is `encap-sport`. */
  readonly local: Endpoint;
  /** `encap-csum`; null where it is wanted as the system has it. */
  readonly checksum: boolean | null;
  /** Outer device it is bound to. */
  readonly link: string | null;
  /** Inner addresses; null while the device has none. */
  readonly inner: { readonly ip: string; readonly peerIp: string } | null;
  readonly up: boolean;
  /** Networks that are reached through it, as `routeKey` writes them. */
  readonly routes: readonly string[];
}

/** What our routes say of who made them: a number that iproute2 has no name for. */
export const ROUTE_PROTOCOL = 201;

/** Local address of a listener that has none of its own. */
export const ANY_ADDRESS = "0.0.0.0";

/** A FOU port: where the kernel takes IPv4 out of UDP. */
export interface Listener {
  readonly local: Endpoint;
  readonly device: string | null;
}

/** A far end that the gate lets in. */
export interface Remote {
  readonly endpoint: Endpoint;
  /** The own FOU port it is let in to. */
  readonly port: number;
  /** Private local address its packets are readdressed to; null: none, they stay as they are. */
  readonly alt: string | null;
  /** When the kernel shuts it out, in milliseconds of a clock that never jumps; null: never. */
  readonly expiresAt: number | null;
}

/** What the rules of a gate follow from. Everything else in it comes and goes as elements of its sets. */
export interface GateRules {
  readonly table: string;
  /** Last part of the names of its chains and sets. */
  readonly name: string;
  /** The server's FOU address. */
  readonly ip: string;
  /** Its FOU ports. */
  readonly ports: readonly number[];
  /** Outer device it is bound to. */
  readonly device: string | null;
  /** How many peers the limits have room for; see `capacityFor`. */
  readonly capacity: number;
  /** Bytes an auth packet's payload may have, ascending. */
  readonly authLengths: readonly number[];
  readonly queue: number;
  readonly counter: boolean;
  /** Whether some remote has a private local address. */
  readonly readdresses: boolean;
  /** Whether some peer may have only certain source addresses in its tunnel. */
  readonly filters: boolean;
  /** Says whose it is; see `mark.ts`. */
  readonly mark: string;
}

/** The chains, sets and maps that stand before a server's FOU ports. */
export interface Gate {
  readonly table: string;
  readonly name: string;
  /** Identifies the rules: equal exactly where the rules are. */
  readonly fingerprint: string;
  readonly mark: string;
  readonly ip: string;
  readonly ports: readonly number[];
  /** By `placeKey`. */
  readonly remotes: ReadonlyMap<string, Remote>;
  /** Outer addresses of all tunnels that lead somewhere, admitted or not. */
  readonly addresses: ReadonlySet<string>;
  /** Private local addresses in use. */
  readonly alts: ReadonlySet<string>;
  /** Devices of the tunnels in which only certain source addresses may be. */
  readonly devices: ReadonlySet<string>;
  /** What may be in them, as `sourceKey` writes it. */
  readonly sources: ReadonlySet<string>;
  /** Names of the chains, sets and maps that are there; of a damaged gate, those that are left. */
  readonly parts: ReadonlySet<string>;
}

/** Everything in the kernel that one instance makes, changes and removes. */
export interface KernelState {
  /** By device name. */
  readonly tunnels: ReadonlyMap<string, Tunnel>;
  /** By `listenerKey`. */
  readonly listeners: ReadonlyMap<string, Listener>;
  /** Private local addresses, and the device each is on. */
  readonly altAddresses: ReadonlyMap<string, string>;
  readonly gate: Gate | null;
  /** Rules in the gate's table that version 0.1 left for this port and queue: "CHAIN handle N". */
  readonly obsoleteRules: ReadonlySet<string>;
}

/** What was found in the kernel: what is ours, and what is others' and stands in our way. */
export interface Observed {
  readonly own: KernelState;
  readonly foreign: {
    /** Kind of each device by name. */
    readonly devices: ReadonlyMap<string, string>;
    /** `pairKey` of ipip devices. */
    readonly pairs: ReadonlySet<string>;
    /** By `listenerKey`, also listeners for any address. */
    readonly listeners: ReadonlyMap<string, Listener>;
    /** By `listenerKey`, FOU ports that other instances use as their own, and one's name. The last one removes it. */
    readonly claims: ReadonlyMap<string, string>;
    /** IPv4 addresses, and the device each is on. */
    readonly addresses: ReadonlyMap<string, string>;
    /** `routeKey` of routes in the main table that ours would clash with, and the device of each ("" for none). */
    readonly routes: ReadonlyMap<string, string>;
    /** Chains of version 0.1 in the gate's table, where no server of it has a rule in any of them. */
    readonly emptyChains: readonly string[];
  };
  /** IPv4 addresses by device, in the kernel's order, ours and others'. */
  readonly hostAddresses: ReadonlyMap<string, readonly string[]>;
  /** The kernel's numbers of our devices. */
  readonly ownIndexes: ReadonlySet<number>;
  /** Number of a device group that nobody has a device in. */
  readonly unusedGroup: number;
}

/** The state of an instance that is not there. */
export const EMPTY_STATE: KernelState = {
  tunnels: new Map(),
  listeners: new Map(),
  altAddresses: new Map(),
  gate: null,
  obsoleteRules: new Set(),
};

/** Key of a listener: one socket for each address and port. */
export function listenerKey(local: Endpoint): string {
  return formatEndpoint(local);
}

/** Key of a network, IP/LENGTH, that a route leads to, as `ip` prints it. */
export function routeKey(network: string): string {
  return network === "0.0.0.0/0" ? "default" : network.replace(/\/32$/, "");
}

/** Key of a network that may be in a tunnel. */
export function sourceKey(device: string, network: string): string {
  return `"${device}" . ${network.replace(/\/32$/, "")}`;
}

/**
 * The outer addresses of a tunnel that stands and leads nowhere, one pair for each far inner address. The kernel sends
 * nothing from a loopback address by another device, and nothing at all to network 0, nor takes anything from there.
 */
export function parkingPlace(peerIp: string): { readonly local: string; readonly remote: string } {
  const address = parseIpv4(peerIp)!;
  return { local: formatIpv4(0x7f00_0000 + (address >>> 8)), remote: formatIpv4(0x0100 + (address & 0xff)) };
}

/** Tells whether a tunnel leads nowhere; see `parkingPlace`. */
export function isParked({ remote }: Tunnel): boolean {
  return remote.ip.startsWith("0.");
}

/** Key of what the kernel knows an ipip device by: no two devices may have the same. */
export function pairKey(local: string, remote: string): string {
  return `${local} ${remote}`;
}
