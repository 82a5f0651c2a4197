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
  /** Loads libnetfilter_queue. @returns why it cannot; null: it can */
  readonly queueLibraryProblem: () => string | null;
  /** Listens to the ICMP messages that come to this host. @throws {SysError} EPERM without CAP_NET_RAW */
  readonly openIcmp: () => IcmpSocket;
  /** "glibc 2.36", or the library's file. */
  readonly cLibrary: () => string;
}

/** Reads copies of echo replies, and of what tells that a packet did not arrive. */
export interface IcmpSocket extends Disposable {
  /** IPv4 packets, until it is closed. One reader at a time. @throws {SysError} */
  packets(): AsyncIterable<Uint8Array>;
}
