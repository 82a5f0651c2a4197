import type { Scheme } from "../auth/scheme.ts";

/** What a tunnel's packets have in their outer header. */
export interface OuterHeader {
  /** 1-255, or the TTL of the packet inside. */
  readonly ttl: number | "inherit";
  /** A TOS byte without the ECN bits, which always follow the packet inside, or the TOS of that. */
  readonly tos: number | "inherit";
  /** Whether it always forbids fragmentation, or only if the packet inside does. */
  readonly pmtudisc: boolean;
}

/** The other end of a tunnel, and how it must authenticate. */
export interface Peer {
  /** Name in logs and kernel objects, 1-15 characters of `A-Za-z0-9_.-`; no two have the same. */
  readonly name: string;
  readonly tunnel: {
    /** Device name, 1-15 characters of `A-Za-z0-9_.-`. */
    readonly device: string;
    /** Local inner IPv4 address. */
    readonly ip: string;
    /** The peer's inner IPv4 address. */
    readonly peerIp: string;
    /** MTU of the device; null: as the route to the peer allows. */
    readonly mtu: number | null;
    readonly header: OuterHeader;
  };
  /** Where a client sends to; what a server checks under `byRemote`. A host is a name or an IPv4 address. */
  readonly remote: { readonly host: string | null; readonly port: number | null };
  /** Server: in which of these an auth packet's source must equal `remote`. */
  readonly byRemote: { readonly ip: boolean; readonly port: boolean };
  readonly scheme: Scheme;
  /** Seconds the time in a signed auth packet or reply may differ from ours; 0: not checked. */
  readonly maxTimeDiscrepancy: number;
  /**
   * Server: whether each signed auth packet must be newer than those before, or in any order within a minute; "off": it
   * may be repeated.
   */
  readonly replay: "strict" | "window" | "off";
  /** Seconds an authentication stays valid; 0: forever. */
  readonly lifetime: number;
  /** Server: reply to valid auth packets. Client: the server does so; retry until it has. */
  readonly reply: boolean;
  /** Private local address for when it shares its public address with another peer; null: any free one. */
  readonly altIp: string | null;
  /** Use a private local address even if the public address is not shared. */
  readonly forceAlt: boolean;
  /** Leave IPIP without FOU between the two outer addresses to other devices. It takes a private local address. */
  readonly sharedIpip: boolean;
  /** Server: source networks, IP/LENGTH, accepted from its tunnel; null: any. */
  readonly allowedIps: readonly string[] | null;
  /** Networks, IP/LENGTH, routed into its tunnel. */
  readonly routes: readonly string[];
  /** Server: seconds it must have been at one address and port before it may move to another; 0: none. */
  readonly moveInterval: number;
  /** Server: seconds after which it is said that nothing came from it; 0: never. */
  readonly silentAfter: number;
}

/** Where a server can be reached. */
export interface Remote {
  /** A name or an IPv4 address. */
  readonly host: string;
  readonly port: number;
}

/** All settings, checked and with defaults filled in. */
export interface Settings {
  readonly mode: "client" | "server";
  /** The instance's name in marks, chains and sets: 1-15 characters of `A-Za-z0-9_.-`. */
  readonly name: string;
  /** N: many defaults are derived from it. */
  readonly number: number;
  readonly local: {
    /** Outer local IPv4 address; null: one of `device`. If both are null, a client takes the one its route to the server has. */
    readonly ip: string | null;
    /** Outer network device; null: any. */
    readonly device: string | null;
    /** Local FOU (UDP) ports, the main one first; a client has one. */
    readonly ports: readonly [number, ...number[]];
  };
  /** The first of the private local addresses handed out to peers that are not given one. */
  readonly firstAltIp: string;
  /** The network that they come from, IP/LENGTH. */
  readonly privateNet: string;
  /** Firewall mark of auth packets, replies and tunnel packets, 0 to 2^32 - 1; 0: none. */
  readonly fouMark: number;
  /** UDP checksums of tunnel packets: on, off, or the kernel's default. */
  readonly encapCsum: boolean | null;
  /** What segment sizes in TCP connections through the tunnels are lowered to: what fits, bytes, or nothing (null). */
  readonly mssClamp: number | "auto" | null;
  readonly queue: { readonly number: number; /** packets */ readonly maxLength: number };
  readonly nft: { readonly table: string; readonly counter: boolean };
  /**
   * Client: seconds between auth packets; 0: only one at start; null: as fits, see `lib/client.ts`. Server: seconds without
   * a packet either way after which one is sent to a peer; 0 or null: never.
   */
  readonly keepalive: number | null;
  /** Client: where else its server, or one that stands in for it, can be reached: in this order after the peer's `remote`. */
  readonly fallbacks: readonly Remote[];
  readonly monitor: {
    /** Client: whether it may go to another local UDP port when the server is silent. */
    readonly port: boolean;
    /** Client: whether it pings the server through the tunnel with each auth packet. */
    readonly ping: boolean;
  };
  /** IP TTL of auth packets and replies; null: the system's default. */
  readonly authPacketTtl: number | null;
  /** Client: send one auth packet and exit, changing nothing. */
  readonly reauthOnly: boolean;
  /** Whether to wait for the outer device and address also if no service manager started the program. */
  readonly wait: boolean;
  readonly log: {
    /** 0 is quiet, see `lib/log.ts` */ readonly verbosity: number;
    /** Null: on unless the log goes to the journal, which adds it. */
    readonly time: boolean | null;
    /** Like `time`. */
    readonly pid: boolean | null;
    readonly format: "text" | "json";
    /** Whether IPv4 addresses are shown. */
    readonly addresses: boolean;
  };
  /** Whether peers are named, however many there are; else the options describe a single one. */
  readonly isOfMany: boolean;
  /** A client has exactly one peer, the server. A server may have none. */
  readonly peers: readonly Peer[];
}
