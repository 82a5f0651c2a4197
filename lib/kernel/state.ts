import { type Endpoint, formatEndpoint } from "../packet.ts";
import { formatIpv4, parseIpv4 } from "../ipv4.ts";

/** An `ipip` device with `encap fou`. */
export interface Tunnel {
  readonly name: string;
  /** Its mark; see `mark.ts`. */
  readonly alias: string;
  /** Outer far end; the port is `encap-dport`. */
  readonly remote: Endpoint;
  /** Outer near end; the port is `encap-sport`. */
  readonly local: Endpoint;
  /** `encap-csum`; null: the system's default. */
  readonly checksum: boolean | null;
  /** Its outer header; see `outerHeader`. */
  readonly header: string;
  readonly mtu: number;
  /** Firewall mark by which its packets are routed; 0: none. */
  readonly fwmark: number;
  /** Outer device it is bound to. */
  readonly link: string | null;
  /** Inner addresses; null while the device has none. */
  readonly inner: { readonly ip: string; readonly peerIp: string } | null;
  readonly up: boolean;
  /** `routeKey` of the networks routed through it. */
  readonly routes: readonly string[];
}

/** The protocol of our routes: a number that iproute2 has no name for. */
export const ROUTE_PROTOCOL = 201;

/** Local address of a listener for any address. */
export const ANY_ADDRESS = "0.0.0.0";

/** A FOU port: the kernel takes IPv4 packets out of UDP there. */
export interface Listener {
  readonly local: Endpoint;
  readonly device: string | null;
}

/** A far endpoint that the gate lets in. */
export interface Remote {
  readonly endpoint: Endpoint;
  /** The own FOU port that it may reach. */
  readonly port: number;
  /** Private address its packets are readdressed to; null: they are not. */
  readonly alt: string | null;
  /** When the kernel shuts it out, in milliseconds of `Clock.now()`; null: never. */
  readonly expiresAt: number | null;
}

/** The input of a gate's rules. Everything else is an element of its sets and maps. */
export interface GateRules {
  /** Of a client: its server, whose address may send from this port and `serverPorts`. Null: the gate is a server's. */
  readonly server: Endpoint | null;
  /** Of a client: the other ports of its servers, ascending. One that is silent for now may answer from there. */
  readonly serverPorts: readonly number[];
  readonly table: string;
  /** Last part of the names of its chains and sets. */
  readonly name: string;
  /** Our FOU address. */
  readonly ip: string;
  /** Our FOU ports. */
  readonly ports: readonly number[];
  /** How many peers the rate limits allow for; see `capacityFor`. */
  readonly capacity: number;
  /** Payload lengths in bytes of auth packets, and of good-byes where they count; ascending. */
  readonly authLengths: readonly number[];
  readonly queue: number;
  readonly counter: boolean;
  /** Whether some remote has a private address. */
  readonly readdresses: boolean;
  /** Firewall mark for the route of what has been rewritten; null: it keeps the route it has. */
  readonly reroutes: number | null;
  /** Whether some peer may use only certain inner source addresses. */
  readonly filters: boolean;
  /** Whether some peer leaves IPIP without FOU to other devices. */
  readonly shares: boolean;
  /** The netfilter queue of auth packets with a good hint; null: they have no limits of their own. */
  readonly hintQueue: number | null;
  /** Of a client: whether its FOU port is for its server alone, as some other device would take what others send there. */
  readonly excludes: boolean;
  /** Of a client: the private address of its tunnel; null: it has none. */
  readonly alt: string | null;
  /** What segment sizes in TCP connections through the tunnels are lowered to; null: nothing. */
  readonly clamp: number | "auto" | null;
  /** See `mark.ts`. */
  readonly mark: string;
}

/** The chains, sets and maps in front of a server's FOU ports. */
export interface Gate extends Pick<GateRules, "table" | "name" | "mark" | "ip" | "ports"> {
  /** Equal exactly where the rules are equal. */
  readonly fingerprint: string;
  /** By `placeKey`. */
  readonly remotes: ReadonlyMap<string, Remote>;
  /** Outer far addresses of all tunnels that are not parked. */
  readonly addresses: ReadonlySet<string>;
  /** Of those, the ones whose IPIP without FOU goes to other devices: none of our tunnels takes it. */
  readonly shared: ReadonlySet<string>;
  /** Outer far ends of all tunnels that are not parked; see `endpointKey`. */
  readonly endpoints: ReadonlySet<string>;
  /** Private addresses in use. */
  readonly alts: ReadonlySet<string>;
  /** Devices of the tunnels whose inner source addresses are filtered. */
  readonly devices: ReadonlySet<string>;
  /** `sourceKey` of the networks allowed in them. */
  readonly sources: ReadonlySet<string>;
  /** Devices of the tunnels whose TCP connections are clamped. */
  readonly clamped: ReadonlySet<string>;
  /** `hintKey` of the hints that clients may give now. */
  readonly hints: ReadonlySet<string>;
  /** Names of its chains, sets and maps; a damaged gate lacks some. */
  readonly parts: ReadonlySet<string>;
  /** What its rules follow from; null: this process did not make them, or somebody changed them. */
  readonly rules: GateRules | null;
  /** How its sets and maps are declared, by name, where only that tells what can stay, and all in them can be read. */
  readonly declarations: ReadonlyMap<string, string>;
}

/** A network device, as far as it matters to routes. */
export interface Link {
  readonly name: string;
  readonly mtu: number;
  readonly isUp: boolean;
}

/** Everything that one instance has in the kernel. */
export interface KernelState {
  /** By device name. */
  readonly tunnels: ReadonlyMap<string, Tunnel>;
  /** By `listenerKey`. */
  readonly listeners: ReadonlyMap<string, Listener>;
  /** Private addresses, and the device that each is on; see `HIDING_DEVICE`. */
  readonly altAddresses: ReadonlyMap<string, string>;
  readonly gate: Gate | null;
  /** Rules in the gate's table that version 0.1 left for this port and queue: "CHAIN handle N". */
  readonly obsoleteRules: ReadonlySet<string>;
}

/** What was found in the kernel: our own objects, and the foreign ones that may be in our way. */
export interface Observed {
  readonly own: KernelState;
  readonly foreign: {
    /** Kind of each device by name. */
    readonly devices: ReadonlyMap<string, string>;
    /** `pairKey` of ipip devices. */
    readonly pairs: ReadonlySet<string>;
    /** By `listenerKey`, also listeners for any address. */
    readonly listeners: ReadonlyMap<string, Listener>;
    /** Claims: by `listenerKey`, FOU ports that other instances use, and the name of one. The last one removes it. */
    readonly claims: ReadonlyMap<string, string>;
    /** By `listenerKey`: FOU ports that have the gate of another instance in front of them, and its name. */
    readonly gated: ReadonlyMap<string, string>;
    /** IPv4 addresses, and the device each is on. */
    readonly addresses: ReadonlyMap<string, string>;
    /** `routeKey` of routes in the main table that ours would clash with, and the device of each ("" for none). */
    readonly routes: ReadonlyMap<string, string>;
    /** Chains of version 0.1 in the gate's table; none while one of its servers has a rule there. */
    readonly emptyChains: readonly string[];
    /** Names of the ipip devices that are up and take IPIP from any address, such as tunl0. */
    readonly wildcards: readonly string[];
    /** Own UDP ports of FOU tunnels. */
    readonly tunnelPorts: ReadonlySet<number>;
  };
  /** Whether nft can be used. A client does without. */
  readonly hasNft: boolean;
  /** The kernel's name of the outer device, if the settings and all that is seen call it by another; else null. */
  readonly outerName: string | null;
  /** All IPv4 addresses by device, in the kernel's order. */
  readonly hostAddresses: ReadonlyMap<string, readonly string[]>;
  /** IPv4 addresses that nobody should choose to be reached at, and why. */
  readonly unfitAddresses: ReadonlyMap<string, string>;
  /** Those of all IPv4 addresses that have no network: IP/32. Private ones are such. */
  readonly loneAddresses: ReadonlySet<string>;
  /** VRFs, and devices in one. Only a socket that is bound to one may have its addresses. */
  readonly vrfMembers: ReadonlySet<string>;
  /** Whether the loopback device is up. */
  readonly isLoopbackUp: boolean;
  /** All devices, by the kernel's numbers. */
  readonly links: ReadonlyMap<number, Link>;
  /** MTU of the route to each far address, as far as it was asked for. */
  readonly paths: ReadonlyMap<string, number>;
  /** The kernel's numbers of our devices. */
  readonly ownIndexes: ReadonlySet<number>;
  /** Number of an empty device group. */
  readonly unusedGroup: number;
}

/**
 * The loopback device. A private address on it has no route in the local table: so no one gets an answer to an ARP request
 * for it, and a host that has the same one can be reached. The kernel still takes it as the source of a tunnel.
 */
export const HIDING_DEVICE = "lo";

/** The state of an instance that has nothing. */
export const EMPTY_STATE: KernelState & { readonly gate: null } = {
  tunnels: new Map(),
  listeners: new Map(),
  altAddresses: new Map(),
  gate: null,
  obsoleteRules: new Set(),
};

/** Key of a listener: the kernel has one for each address and port. */
export function listenerKey(local: Endpoint): string {
  return formatEndpoint(local);
}

/** Key of an endpoint in the gate's set. */
export function endpointKey({ ip, port }: Endpoint): string {
  return `${ip} . ${port}`;
}

/** Key of a route: its destination, IP/LENGTH, as `ip` prints it. */
export function routeKey(network: string): string {
  return network === "0.0.0.0/0" ? "default" : network.replace(/\/32$/, "");
}

/** Key of a hint in the gate's set. @param epoch see `epochOf` */
export function hintKey(epoch: number, hint: number): string {
  return `${epoch} . ${hint}`;
}

/** Key of a network allowed as source in a tunnel. */
export function sourceKey(device: string, network: string): string {
  return `"${device}" . ${network.replace(/\/32$/, "")}`;
}

/**
 * The outer addresses of a parked tunnel, one pair for each far inner address. The kernel sends nothing from a loopback
 * address by another device, and neither sends to network 0 nor receives from it.
 */
export function parkedAddresses(peerIp: string): { readonly local: string; readonly remote: string } {
  const address = parseIpv4(peerIp)!;
  return { local: formatIpv4(0x7f00_0000 + (address >>> 8)), remote: formatIpv4(0x0100 + (address & 0xff)) };
}

/** Outer addresses for a moment, while another tunnel still has those that are wanted. A tunnel with them is parked, too. */
export function asideAddresses(peerIp: string): { readonly local: string; readonly remote: string } {
  const { local, remote } = parkedAddresses(peerIp);
  return { local, remote: remote.replace(/^0\.0\.1\./, "0.0.2.") };
}

/** Whether a tunnel is parked; see `parkedAddresses`. */
export function isParked({ remote }: Tunnel): boolean {
  return remote.ip.startsWith("0.");
}

/** Key of an ipip device's outer addresses: no two devices may have the same pair. */
export function pairKey(local: string, remote: string): string {
  return `${local} ${remote}`;
}
