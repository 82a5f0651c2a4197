import { constants } from "node:os";
import { EXIT } from "../lib/errors.ts";
import { LIBC_SYMBOLS } from "./libc_symbols.ts";
import { type LibrarySource, openLibrary } from "./library.ts";
import { SysError } from "./sys_error.ts";

export const LIBC_SOURCE: LibrarySource = {
  name: "the C library",
  files: ["libc.so.6", "libc.so", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"],
  override: "IPIPOU_LIBC",
  cure: "use a system with glibc or musl",
  exitCode: EXIT.failure,
};

export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
const POLLIN = 1;

/** The loaded library, shared by all `Libc` objects. */
interface Shared {
  readonly library: Deno.DynamicLibrary<typeof LIBC_SYMBOLS>;
  /** `errno` of this thread, read from memory because another call could change it. */
  readonly errno: Deno.UnsafePointerView;
  users: number;
}

/** Loaded once, because the runtime compiles a stub for each function, which takes longer than most calls. */
let shared: Shared | null = null;

function load(): Shared {
  const library = openLibrary(LIBC_SOURCE, LIBC_SYMBOLS);
  return { library, errno: new Deno.UnsafePointerView(library.symbols.__errno_location()!), users: 0 };
}

/** A reference to the C library, which is unloaded with the last reference. Use it only on the thread that made it. */
export class Libc {
  readonly #shared: Shared;
  #isTaken = true;

  /** @throws {IpipouError} when it cannot be loaded */
  constructor() {
    this.#shared = shared ??= load();
    this.#shared.users++;
  }

  get symbols(): Deno.DynamicLibrary<typeof LIBC_SYMBOLS>["symbols"] {
    return this.#shared.library.symbols;
  }

  /** The error of the latest synchronous call. Calls on another thread (`nonblocking`) do not set it. */
  get errno(): number {
    return this.#shared.errno.getInt32();
  }

  /** Makes the error of a call, by default the latest synchronous one. */
  error(action: string, call: string, errno = this.errno): SysError {
    return new SysError(action, call, errno, this.describe(errno));
  }

  /** The library's text for an errno: "No such device". */
  describe(errno: number): string {
    return Deno.UnsafePointerView.getCString(this.symbols.strerror(errno)!);
  }

  /** Returns the result of a synchronous call. @throws {SysError} when it is below 0 */
  check(action: string, call: keyof typeof LIBC_SYMBOLS, result: number | bigint): number {
    if (result < 0) throw this.error(action, call);
    return Number(result);
  }

  /**
   * Reads one message into `buffer` without waiting, and truncates it if it is longer.
   *
   * @param flags of recv(2)
   * @returns the number of bytes read, or with MSG_TRUNC the length of the whole message; null: there is none
   * @throws {SysError}
   */
  receive(action: string, fd: number, buffer: Uint8Array<ArrayBuffer>, flags = 0): number | null {
    const length = this.symbols.recv(fd, buffer, BigInt(buffer.length), flags | MSG_DONTWAIT);
    if (length < 0 && this.errno === constants.errno.EAGAIN) return null;
    return this.check(action, "recv", length);
  }

  /**
   * Reads one netlink datagram into `buffer` without waiting, and truncates it if it is longer.
   *
   * @returns the length of the whole datagram, and the port id of its sender (0: the kernel); null: there is none
   * @throws {SysError}
   */
  receiveFrom(
    action: string,
    fd: number,
    buffer: Uint8Array<ArrayBuffer>,
  ): { readonly length: number; readonly sender: number } | null {
    const from = new Uint32Array(3); // struct sockaddr_nl
    const fromLength = new Uint32Array([from.byteLength]);
    const flags = MSG_DONTWAIT | MSG_TRUNC;
    const length = this.symbols.recvfrom(fd, buffer, BigInt(buffer.length), flags, from, fromLength);
    if (length < 0 && this.errno === constants.errno.EAGAIN) return null;
    return { length: this.check(action, "recvfrom", length), sender: from[1]! };
  }

  /** Waits on another thread until one of `fds` is readable or has an error. @throws {SysError} */
  async pollReadable(action: string, fds: readonly number[]): Promise<void> {
    const length = BigInt(fds.length);
    const pollfds = new Int32Array(fds.flatMap((fd) => [fd, POLLIN])); // events and revents share the second word
    if (await this.symbols.pollElsewhere(pollfds, length, -1) >= 0) return;
    // errno stays on the other thread: poll again here, without waiting, for the error. A signal leaves none.
    this.check(action, "poll", this.symbols.poll(pollfds, length, 0));
  }

  [Symbol.dispose](): void {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    if (--this.#shared.users > 0) return;
    this.#shared.library.close();
    shared = null;
  }
}
