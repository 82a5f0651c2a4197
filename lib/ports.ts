import type { KernelNews, KernelReader, KernelWriter, Routes } from "./kernel_ports.ts";
import type { Endpoint } from "./packet.ts";
import type { BpfInstruction } from "./reply_filter.ts";

/**
 * What the program needs from the system. `lib/system.ts` makes the real one and is the only file of `lib/` that imports
 * from `ffi/`; unit tests pass in fakes.
 */
export interface System {
  readonly clock: Clock;
  readonly random: Random;
  /** Runs `ip`, `nft`, `modprobe` or `ss` to its end. */
  readonly runProgram: RunProgram;
  readonly surroundings: Surroundings;
  readonly locks: Locks;
  /** @param table the nftables table (family ip) to watch; null: none @throws {SysError} */
  readonly openNews: (table: string | null) => KernelNews;
  /** @throws {SysError} */
  readonly openRoutes: () => Routes;
  /** @throws {SysError} */
  readonly openWriter: () => KernelWriter;
  /** @throws {IpipouError} without the C library */
  readonly openReader: () => KernelReader;
  /** Whether a program can be run. */
  readonly hasProgram: (program: ProgramName) => boolean;
  /** @throws {IpipouError} exit code 20 when the queue cannot be opened */
  readonly openPacketQueue: (options: PacketQueueOptions) => PacketQueue;
  /** @throws {SysError} */
  readonly openRawSocket: (options: RawSocketOptions) => RawSocket;
  /** @throws {SysError} */
  readonly openReplySocket: (options: ReplySocketOptions) => ReplySocket;
  /** @throws {SysError} on a kernel without timer descriptors */
  readonly openClockWatch: () => ClockWatch;
  /**
   * Whether nothing has a UDP port of this host; false also where that cannot be told.
   *
   * @param device the device that its owner would be bound to; null: none
   */
  readonly isPortFree: (port: Endpoint, device: string | null) => boolean;
  /** A file for what one run leaves to the next. */
  readonly openState: (name: string) => StateFile;
  /**
   * Opens a unix socket in the runtime directory, where others ask about this instance.
   *
   * @param label of the folder in it, unless a service manager made one for this instance
   * @throws {Error} when it cannot
   */
  readonly openStatusSocket: (label: string) => Promise<StatusSocket>;
  /** Finds a host's IPv4 address; rejects when there is none. */
  readonly resolve: (host: string) => Promise<string>;
  /** Connects to the service manager that started the program; null: none did. @throws {SysError} */
  readonly openServiceManager: () => ServiceManager | null;
}

/** Notices when the system's clock is set, or jumps as after a suspend. */
export interface ClockWatch extends Disposable {
  /** Resolves with true when that happened since the last call, with false when `stop` is aborted. One waiter at a time. */
  wait(stop: AbortSignal): Promise<boolean>;
}

/** Locks that the kernel releases when their holder dies. */
export interface Locks {
  /** Waits for the lock on this network namespace. Child processes hold it too. @throws {SysError} */
  namespace(): Promise<Disposable>;
  /** Waits for the lock on a folder, blocking the process. @throws {SysError} */
  folder(path: string): Disposable;
  /**
   * Takes the lock on an instance's name in this network namespace.
   *
   * @returns the PID of the process that has it, if that is another
   * @throws {SysError}
   */
  instance(name: string): Disposable | number;
  /** @returns the PID of the process that has the lock on an instance's name; null when none has it @throws {SysError} */
  holderOf(name: string): number | null;
  /** Takes a lock on a file that shows which process holds it; null when another one does. @throws {SysError} */
  process(path: string): Disposable | null;
  /**
   * Signals the process that holds the lock on a file.
   *
   * @returns its PID; 0 when it is in another PID namespace and got no signal; null when nobody holds the lock
   * @throws {SysError}
   */
  signalHolder(path: string, signal: "SIGHUP"): number | null;
}

export interface Clock {
  /** Monotonic milliseconds, for deadlines and lifetimes. */
  now(): number;
  /** Unix seconds, for the time in auth packets. The clock may be set at any time. */
  unixTime(): number;
  /**
   * Resolves at a moment of `now()` (null: never), or when one of the signals is aborted. For a moment that has come, all
   * else that is ready has its turn first.
   */
  waitUntil(moment: number | null, ...signals: readonly AbortSignal[]): Promise<void>;
}

export interface Random {
  bytes(length: number): Uint8Array;
  /** From 0 to below 1. */
  fraction(): number;
}

/** What explains why the kernel refuses something. It is looked at only then. */
export interface Surroundings {
  /** Whether this is another user namespace than the first: root of an unprivileged container is not the machine's. */
  isInnerUserNamespace(): boolean;
  /** The running kernel's release, if its modules are gone while those of another are here; null: not so, as far as seen. */
  releaseWithoutModules(): string | null;
}

export type ProgramName = "ip" | "nft" | "modprobe" | "ss";

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it was killed at the time limit. */
  readonly isLate: boolean;
}

/**
 * Runs a program from PATH with LC_ALL=C, no other variable, and `input` on its standard input.
 *
 * @param timeLimit milliseconds after which it is killed
 * @throws {Deno.errors.NotFound} when it is not installed
 */
export type RunProgram = (
  program: ProgramName,
  args: readonly string[],
  input: string,
  timeLimit: number,
) => Promise<ProgramEnd>;

/** A netfilter queue to open. */
export interface PacketQueueOptions {
  readonly number: number;
  /** Packets that may wait in it; the kernel drops the rest. */
  readonly maxLength: number;
  /** Bytes of each packet to copy, from its IPv4 header on. */
  readonly copyRange: number;
}

/** A netfilter queue: copies packets and drops them. */
export interface PacketQueue extends Disposable {
  /** Ends when the queue is closed or `signal` is aborted. One reader at a time. @throws {IpipouError} exit code 20 */
  packets(signal: AbortSignal): AsyncIterable<Uint8Array>;
  resize(maxLength: number): void;
}

/** A text that one run leaves to the next. */
export interface StateFile {
  /** For messages. */
  readonly path: string;
  /** Null: there is none, or it cannot be read. */
  read(): string | null;
  /** Replaces the text in one step. One at a time. Rejects when it cannot be written. */
  write(text: string): Promise<void>;
}

/** By which way packets leave. */
export interface RawSocketOptions {
  /** Own IPv4 address, by which the kernel chooses the route. Packets have it as their source. */
  readonly source: string;
  /** The network device all packets leave by; null: as the routes say. */
  readonly device: string | null;
  /** Firewall mark (fwmark) of the packets, 0 to 2^32 - 1; 0: none. */
  readonly mark: number;
}

/** Sends whole IPv4 packets, header included. */
export interface RawSocket extends Disposable {
  /**
   * @param destination IPv4 address to route by
   * @param isRouted whether a route there is known, so that none must be looked for
   * @throws {SysError} when it cannot be sent
   */
  send(packet: Uint8Array, destination: string, isRouted?: boolean): void;
  /** net.ipv4.ip_default_ttl */
  readonly defaultTtl: number;
}

/** Which UDP datagrams to read. */
export interface ReplySocketOptions {
  /** Runs in the kernel on each datagram, from its IPv4 header on. */
  readonly filter: readonly BpfInstruction[];
  /** Bytes of each datagram to read, from its IPv4 header on. */
  readonly maxLength: number;
}

/** Reads copies of the UDP datagrams that its filter accepts. */
export interface ReplySocket extends Disposable {
  /** Datagrams from the IPv4 header on, until closed. One reader at a time. @throws {SysError} */
  packets(): AsyncIterable<Uint8Array>;
  /** Replaces the filter. @throws {SysError} */
  use(filter: readonly BpfInstruction[]): void;
  /** Receives nothing until `resume()`, at no cost to any datagram. @throws {SysError} */
  pause(): void;
  /** @throws {SysError} */
  resume(): void;
}

/** A unix socket, where others ask about this instance. */
export interface StatusSocket extends Disposable {
  /** Resolves with the next one who asks; null: it is closed. One waiter at a time. @throws {Error} when it cannot accept */
  accept(): Promise<StatusConnection | null>;
}

/** A connection to an instance's unix socket, from either end. What waits fails when it is disposed of. */
export interface StatusConnection extends Disposable {
  /** @returns how many bytes were read, at least one; null: the far end has closed it */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** @returns how many of the bytes were written */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<number>;
}

/** The service manager that started the program; see sd_notify(3). */
export interface ServiceManager extends Disposable {
  /** Sends lines like `READY=1`. @throws {SysError} */
  send(message: string): void;
  /** Its clock, CLOCK_MONOTONIC, in microseconds. */
  readonly time: bigint;
  /** Milliseconds within which it expects each sign of life. */
  readonly period: number;
}
