import type { Endpoint } from "./packet.ts";

/** Features of a network device, by the names that `ethtool -k` gives them. */
export interface DeviceFeatures {
  readonly on: ReadonlySet<string>;
  /** Those that the device and its driver let be turned on or off. */
  readonly changeable: ReadonlySet<string>;
}

/** What doctor looks at beyond what the program works with. `lib/system/host.ts` makes the real one. */
export interface Host {
  /** The running kernel's release, as `uname -r` prints it. */
  readonly release: () => string;
  /** Reads a file of /proc or /sys. @returns null: it is not there, or this user may not */
  readonly read: (path: string) => string | null;
  /** Whether there is such a file or folder in /proc or /sys. */
  readonly exists: (path: string) => boolean;
  /** Families of generic netlink that the kernel has, without loading a module; null: unknown. */
  readonly families: () => ReadonlySet<string> | null;
  /** Whether some program keeps the clock in step; null: unknown. */
  readonly isClockKept: () => boolean | null;
  /** Loads libnetfilter_queue. @returns the name of its file, or why it cannot */
  readonly queueLibrary: () => { readonly file: string } | { readonly problem: string };
  /** Features of a network device; null: unknown. */
  readonly features: (device: string) => DeviceFeatures | null;
  /** Listens to the ICMP messages that come to this host. @throws {SysError} EPERM without CAP_NET_RAW */
  readonly openIcmp: () => IcmpSocket;
  /** Takes a UDP port of this host, and reads nothing. @throws {SysError} */
  readonly holdPort: (port: Endpoint, device: string | null) => Disposable;
  /** Has the kernel trace packets. @throws {SysError} EOPNOTSUPP before Linux 5.12, EPERM without CAP_NET_ADMIN */
  readonly openTrace: (wanted: TraceRequest) => PacketTrace;
  /** "glibc 2.36", or the library's file. */
  readonly cLibrary: () => string;
}

/** Reads copies of echo replies, and of what tells that a packet did not arrive. */
export interface IcmpSocket extends Disposable {
  /** IPv4 packets, until it is closed. One reader at a time. @throws {SysError} */
  packets(): AsyncIterable<Uint8Array>;
}

/** Which packets to trace: at most some each second. */
export interface TraceRequest {
  /** Of UDP: own addresses and ports, which packets come to or from. */
  readonly ends: readonly Endpoint[];
  /** Devices that packets come from or go to. */
  readonly devices: readonly string[];
}

/**
 * Follows packets through nftables. What it puts there for that nobody else can change, and the kernel removes it when
 * the process ends, however that is.
 */
export interface PacketTrace extends Disposable {
  /** The name of what it puts there: a table of the family ip. */
  readonly table: string;
  /** Until it is stopped or closed. One reader at a time. @throws {SysError} */
  events(): AsyncIterable<TraceEvent>;
  /** Has no more packets traced: `events()` ends after those that were. */
  stop(): void;
}

/** What nftables did with a packet at one place. */
export interface TraceEvent {
  /** Tells packets apart; the kernel uses it again. */
  readonly id: number;
  /** "ip", "inet" and so on. */
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** The rule's handle; null: the chain's policy. */
  readonly handle: number | null;
  readonly isDropped: boolean;
  /** Whether a program gets it. */
  readonly isQueued: boolean;
  /** Of the first event in a chain: the packet's devices, by the kernel's number; 0: none. */
  readonly from: number;
  readonly to: number;
  /** The first bytes of its IPv4 header and of what follows; empty: they were told before. */
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}
