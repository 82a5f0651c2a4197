import type { BpfInstruction } from "./reply_filter.ts";

/**
 * Everything the program needs from the system it runs on, as interfaces. `lib/system.ts` makes the real ones and is
 * the only file of `lib/` that imports from `ffi/`; unit tests hand in others.
 */
export interface System {
  readonly clock: Clock;
  readonly random: Random;
  /** Runs `ip`, `nft` or `modprobe` to its end. */
  readonly runProgram: RunProgram;
  readonly locks: Locks;
  /** @param table the nftables table (family ip) to hear of; null: none @throws {SysError} */
  readonly openNews: (table: string | null) => KernelNews;
  /** @throws {IpipouError} exit code 20 when the queue cannot be had */
  readonly openPacketQueue: (options: PacketQueueOptions) => PacketQueue;
  /** @param options.device the network device all packets leave by; null: where the routes lead @throws {SysError} */
  readonly openRawSocket: (options: { readonly device: string | null }) => RawSocket;
  /** @throws {SysError} */
  readonly openReplySocket: (options: ReplySocketOptions) => ReplySocket;
  /** Finds a host's IPv4 address as the system does; rejects when there is none. */
  readonly resolve: (host: string) => Promise<string>;
  /** Reaches the service manager that started the program; null: none did. @throws {SysError} */
  readonly openServiceManager: () => ServiceManager | null;
}

/** Locks that the kernel frees when their holder dies. */
export interface Locks {
  /** Waits for the lock on this network namespace. Programs that its holder starts hold it with it. @throws {SysError} */
  namespace(): Promise<Disposable>;
  /** Waits for the lock on a folder, blocking the process. @throws {SysError} */
  folder(path: string): Disposable;
  /** Takes the lock on a file, which tells by which process it is held; null when another has it. @throws {SysError} */
  process(path: string): Disposable | null;
  /**
   * Signals the process that holds the lock on a file.
   *
   * @returns its number, 0 when it is out of reach in another PID namespace, or null when there is none
   * @throws {SysError}
   */
  signalHolder(path: string, signal: "SIGHUP"): number | null;
}

/** Time. */
export interface Clock {
  /** Monotonic milliseconds, for deadlines and lifetimes. */
  now(): number;
  /** Unix seconds, by a clock that may be set: for the time in auth packets. */
  unixTime(): number;
  /** Resolves at a moment of `now()` (null: never), or once one of the signals is aborted. */
  waitUntil(moment: number | null, ...signals: readonly AbortSignal[]): Promise<void>;
}

/** Randomness. */
export interface Random {
  bytes(length: number): Uint8Array;
  /** From 0 to below 1. */
  fraction(): number;
}

/** The programs that may be run. */
export type ProgramName = "ip" | "nft" | "modprobe";

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it was killed because it took longer than it may. */
  readonly isLate: boolean;
}

/**
 * Runs a program of PATH under LC_ALL=C, with `input` on its standard input.
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

/** Something that was made, removed or changed in the kernel, by whomever. */
export type KernelChange =
  /** @property index the kernel's number for the device, which stays when it is renamed */
  | { readonly kind: "device"; readonly index: number; readonly name: string }
  /** An IPv4 address of a device. */
  | { readonly kind: "address"; readonly index: number; readonly ip: string }
  /** An IPv4 route. @property protocol who made it, see ip-route(8) */
  | { readonly kind: "route"; readonly protocol: number }
  /** One nftables transaction that touched the table that was asked for. Those that touched others are not told. */
  | { readonly kind: "table" }
  /** Anything: there was more news than the kernel keeps for us, or some that cannot be read. */
  | { readonly kind: "unknown" };

/** What the kernel tells of changes in this network namespace, from the moment it is opened. FOU ports are not told of. */
export interface KernelNews extends Disposable {
  /** What happened since this was called last, in order; never waits. @throws {SysError} */
  changes(): readonly KernelChange[];
  /** Resolves once there is something for `changes()` to tell, or `stop` is aborted. One waits at a time. */
  wait(stop: AbortSignal): Promise<void>;
  /** Has the kernel keep enough for what is about to run. @param commands of `ip`; 0: none */
  makeRoom(commands: number): void;
}

/** A netfilter queue to open. */
export interface PacketQueueOptions {
  readonly number: number;
  /** Packets that may wait in it; beyond, the kernel drops. */
  readonly maxLength: number;
  /** Bytes of each packet, from its IPv4 header on, that are copied to us. */
  readonly copyRange: number;
}

/** A netfilter queue: hands out copies of packets, and drops the packets. */
export interface PacketQueue {
  /** Until the queue is closed or `signal` is aborted. One reader at a time. @throws {IpipouError} exit code 20 */
  packets(signal: AbortSignal): AsyncIterable<Uint8Array>;
  resize(maxLength: number): void;
  /** May be called again. */
  close(): void;
}

/** Sends whole IPv4 packets, header included. */
export interface RawSocket {
  /** @param destination the address that routing goes by @throws {SysError} when it cannot leave */
  send(packet: Uint8Array, destination: string): void;
  /** net.ipv4.ip_default_ttl */
  readonly defaultTtl: number;
  /** May be called again. */
  close(): void;
}

/** Which UDP datagrams to read. */
export interface ReplySocketOptions {
  /** Runs in the kernel on each datagram, from its IPv4 header on. */
  readonly filter: readonly BpfInstruction[];
  /** Bytes read of each, from there. */
  readonly maxLength: number;
}

/** Reads copies of the UDP datagrams that its filter takes. */
export interface ReplySocket {
  /** Each from its IPv4 header on, until closed. One reader at a time. @throws {SysError} */
  packets(): AsyncIterable<Uint8Array>;
  /** May be called again. */
  close(): void;
}

/** Hears of a program that it started, see sd_notify(3). */
export interface ServiceManager extends Disposable {
  /** Takes lines like `READY=1`. @throws {SysError} */
  send(message: string): void;
  /** Its clock, CLOCK_MONOTONIC, in microseconds. */
  readonly time: bigint;
  /** Milliseconds within which it wants a sign of life, again and again. */
  readonly period: number;
}
