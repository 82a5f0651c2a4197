import type { Scheme } from "../auth/scheme.ts";

/** The far end of one tunnel, and what it must do to be let in. */
export interface Peer {
  /** Name in logs and kernel objects, 1-15 characters of `A-Za-z0-9_.-`; no two have the same. */
  readonly name: string;
  readonly tunnel: {
    /** Device name, 1-15 characters of `A-Za-z0-9_.-`. */
    readonly device: string;
    /** Own inner IPv4 address. */
    readonly ip: string;
    /** The far side's inner IPv4 address. */
    readonly peerIp: string;
  };
  /** Where a client sends; what a server compares with under `byRemote`. A host is a name or an IPv4 address. */
  readonly remote: { readonly host: string | null; readonly port: number | null };
  /** Server: the auth packet's source must equal `remote` in these. */
  readonly byRemote: { readonly ip: boolean; readonly port: boolean };
  readonly scheme: Scheme;
  /** Seconds the time in a signed auth packet or reply may differ from ours; 0: not checked. */
  readonly maxTimeDiscrepancy: number;
  /** Seconds an authentication is good for; 0: for ever. */
  readonly lifetime: number;
  /** Server: answer valid auth packets. Client: the server does, so try until it has. */
  readonly reply: boolean;
  /** Private local address for when it shares its public address with another; null: any that is free. */
  readonly altIp: string | null;
  /** Give it a private local address even when nobody shares. */
  readonly forceAlt: boolean;
  /** Server: source addresses, IP/LENGTH, that its packets in the tunnel may have; null: any. */
  readonly allowedIps: readonly string[] | null;
  /** Networks, IP/LENGTH, that are reached through its tunnel. */
  readonly routes: readonly string[];
  /** Server: seconds it must have been at one address and port before it may move to another; 0: none. */
  readonly moveInterval: number;
}

/** Everything the program was told, checked and with defaults filled in. */
export interface Settings {
  readonly mode: "client" | "server";
  /** The instance's name in marks, chains and sets: 1-15 characters of `A-Za-z0-9_.-`. */
  readonly name: string;
  /** N: most defaults follow from it. */
  readonly number: number;
  readonly local: {
    /** Outer local IPv4 address; null: the first one of `device`. */
    readonly ip: string | null;
    /** Outer network device; null: any. At least one of `ip` and `device` is set. */
    readonly device: string | null;
    /** Own FOU (UDP) ports, the first one first; a client has one. */
    readonly ports: readonly [number, ...number[]];
  };
  /** The first of the private local addresses that are given out to peers without one of their own. */
  readonly firstAltIp: string;
  /** Outer UDP checksums of data: on, off, or the system's default. */
  readonly encapCsum: boolean | null;
  readonly queue: { readonly number: number; /** packets */ readonly maxLength: number };
  readonly nft: { readonly table: string; readonly counter: boolean };
  /** Client: seconds between auth packets; 0: only one at start. */
  readonly keepalive: number;
  /** Client: IP TTL of auth packets; null: the system's default. */
  readonly authPacketTtl: number | null;
  /** Client: send one auth packet and exit, touching nothing. */
  readonly reauthOnly: boolean;
  readonly log: {
    /** 0 is quiet, see `lib/log.ts` */ readonly verbosity: number;
    /** Null: unless the journal adds it. */
    readonly time: boolean | null;
    /** As `time`. */
    readonly pid: boolean | null;
  };
  /** Whether its peers, however many they are, have names; else options describe the only one. */
  readonly isOfMany: boolean;
  /** A client has exactly one peer: its server. A server may have none. */
  readonly peers: readonly Peer[];
}
