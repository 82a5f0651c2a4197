/** Version of what an instance says of itself. It grows when a field is gone or means something else, not with new ones. */
export const STATUS_VERSION = 1;

/**
 * How a tunnel or an instance is, in words that stay:
 *
 * - up: authenticated, and data has come
 * - accepted: let in a moment ago
 * - authenticated, nothing received: some data should have come by now
 * - authenticating: the first reply is awaited
 * - set up, not yet accepted: the device stands, and nothing tells that the far end takes part
 * - flapping: it moves back and forth between two places, as where one key is on two machines
 * - silent: it was up, and nothing comes any more, or nothing that was sent has an answer
 * - refused, parked, faulty, waiting: see `why`
 * - not answering: a process looks after it, and does not say how it is; what stands in the kernel may work
 * - not running: nobody looks after it; what stands in the kernel may work
 */
export const STATES = [
  "faulty",
  "refused",
  "not running",
  "not answering",
  "flapping",
  "silent",
  "set up, not yet accepted",
  "authenticated, nothing received",
  "parked",
  "waiting",
  "authenticating",
  "accepted",
  "up",
] as const;

export type State = typeof STATES[number];

/** What is said of a state. */
export interface Verdict {
  readonly state: State;
  /** Whether it is as it should be. */
  readonly ok: boolean;
  /** What brought it about; null: the state says it all. */
  readonly why: string | null;
  /** What to do; null: nothing that is known. */
  readonly cure: string | null;
}

/** An IPv4 address and a UDP port. */
export interface Place {
  readonly address: string;
  readonly port: number;
}

/** Since the device was made. */
export interface Counts {
  readonly bytes: number;
  readonly packets: number;
}

/** One tunnel. What is not known, or is not so, is null. All ages are seconds. */
export interface TunnelStatus extends Verdict {
  /** Of the peer. */
  readonly name: string;
  readonly ifname: string;
  /** Inner addresses: own, and the peer's. */
  readonly address: string;
  readonly peer: string;
  /** Outer ends. */
  readonly local: Place | null;
  readonly remote: Place | null;
  /** The private address that stands for the own one as another peer has the same far address. */
  readonly private: string | null;
  readonly mtu: number | null;
  /** Since an auth packet was last sent, by a client, or accepted, by a server. */
  readonly "auth_age": number | null;
  /** Since a reply last came, to a client, or was sent, by a server. */
  readonly "reply_age": number | null;
  /** Since it was last seen that data had come. */
  readonly "received_age": number | null;
  /** Until its admission ends. */
  readonly "expires_in": number | null;
  /** How often its far end, or a client's own one, was another one than before. */
  readonly moves: number | null;
  /** How many other peers are at its far address, and the names of some. */
  readonly sharing: number;
  readonly "shares_with": readonly string[];
  /** Data since the device was made. To a client: since its start, without replies; where the kernel says it, with them. */
  readonly stats64: { readonly rx: Counts; readonly tx: Counts } | null;
}

/** A server or client. */
export interface InstanceStatus extends Verdict {
  readonly version: typeof STATUS_VERSION;
  readonly name: string;
  /** NAME of /etc/ipipou/NAME.toml; null: it runs by its command line, by another file, or does not run. */
  readonly config: string | null;
  /** Null: it does not run, and the kernel does not tell. */
  readonly role: "server" | "client" | null;
  /** Who says it: the instance itself, or the kernel as no instance answers. */
  readonly source: "instance" | "kernel";
  readonly pid: number | null;
  /** Of the program. */
  readonly release: string | null;
  /** Seconds since it was started. */
  readonly uptime: number | null;
  /** Unix time of all ages here. It goes on with them: what happened once is always as long ago as it says. */
  readonly time: number | null;
  readonly local: readonly Place[];
  /** The outer device. */
  readonly dev: string | null;
  /** Whether it has several named peers, or may have. */
  readonly hub: boolean;
  /** How often something that others had changed was put back. */
  readonly heals: number | null;
  /** Why the last reload was refused, and its age in seconds; null: it was not. Settings are those from before it. */
  readonly "reload_failed": { readonly why: string; readonly age: number } | null;
  /** Auth packets that were refused; null: a client. */
  readonly refused: {
    readonly count: number;
    readonly last: (Place & { readonly why: string; readonly age: number }) | null;
  } | null;
}

/** An instance and its tunnels. */
export interface Report {
  readonly instance: InstanceStatus;
  readonly tunnels: readonly TunnelStatus[];
}

/** Milliseconds as seconds, as precise as is of use. */
export function seconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}

/** Whether all is as it should be. */
export function isHealthy({ instance, tunnels }: Report): boolean {
  return instance.ok && tunnels.every(({ ok }) => ok);
}
