import type { Scheme } from "../auth/scheme.ts";

/** The far end of one tunnel, and what it must do to be let in. */
export interface Peer {
  /** Name in logs and kernel objects: the tunnel's device name. */
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
  /** Private local address for a peer that shares its public address with another. */
  readonly altIp: string;
  /** Use `altIp` even when nobody shares. */
  readonly forceAlt: boolean;
}

/** Everything the program was told, checked and with defaults filled in. */
export interface Settings {
  readonly mode: "client" | "server";
  /** N: most defaults follow from it. */
  readonly number: number;
  readonly local: {
    /** Outer local IPv4 address; null: the first one of `device`. */
    readonly ip: string | null;
    /** Outer network device; null: any. At least one of `ip` and `device` is set. */
    readonly device: string | null;
    /** Own FOU (UDP) port. */
    readonly port: number;
  };
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
  /** A client has exactly one peer: its server. */
  readonly peers: readonly Peer[];
}
