import { type Endpoint, formatEndpoint } from "../packet.ts";

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
}

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
  /** The server's FOU address and port. */
  readonly local: Endpoint;
  /** Outer device it is bound to. */
  readonly device: string | null;
  /** Bytes an auth packet's payload may have, ascending. */
  readonly authLengths: readonly number[];
  readonly queue: number;
  readonly counter: boolean;
  /** Whether some remote has a private local address. */
  readonly readdresses: boolean;
  /** Says whose it is; see `mark.ts`. */
  readonly mark: string;
}

/** The chains, sets and maps that stand before a server's FOU port. */
export interface Gate {
  readonly table: string;
  readonly name: string;
  /** Identifies the rules: equal exactly where the rules are. */
  readonly fingerprint: string;
  readonly mark: string;
  readonly local: Endpoint;
  /** By `remoteKey`. */
  readonly remotes: ReadonlyMap<string, Remote>;
  /** Outer addresses of all tunnels, admitted or not. */
  readonly addresses: ReadonlySet<string>;
  /** Private local addresses in use. */
  readonly alts: ReadonlySet<string>;
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
    /** IPv4 addresses, and the device each is on. */
    readonly addresses: ReadonlyMap<string, string>;
    /** Chains of version 0.1 in the gate's table, where no server of it has a rule in any of them. */
    readonly emptyChains: readonly string[];
  };
  /** IPv4 addresses by device, in the kernel's order, ours and others'. */
  readonly hostAddresses: ReadonlyMap<string, readonly string[]>;
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

/** Key of a remote in the gate. */
export function remoteKey(endpoint: Endpoint): string {
  return formatEndpoint(endpoint);
}

/** Key of what the kernel knows an ipip device by: no two devices may have the same. */
export function pairKey(local: string, remote: string): string {
  return `${local} ${remote}`;
}
