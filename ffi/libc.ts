import { constants } from "node:os";
import { EXIT } from "../lib/errors.ts";
import { type LibrarySource, openLibrary } from "./library.ts";

export const LIBC_SOURCE: LibrarySource = {
  name: "the C library",
  files: ["libc.so.6", "libc.so", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"],
  override: "IPIPOU_LIBC",
  cure: "use a system with glibc or musl",
  exitCode: EXIT.failure,
};

const SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" }, // int *
  strerror: {
    parameters: [
      "i32", // int errnum
    ],
    result: "pointer", // char *
  },
  close: {
    parameters: [
      "i32", // int fd
    ],
    result: "i32",
  },
  socket: {
    parameters: [
      "i32", // int domain
      "i32", // int type
      "i32", // int protocol
    ],
    result: "i32",
  },
  setsockopt: {
    parameters: [
      "i32", // int sockfd
      "i32", // int level
      "i32", // int optname
      "buffer", // const void *optval
      "u32", // socklen_t optlen
    ],
    result: "i32",
  },
  getsockopt: {
    parameters: [
      "i32", // int sockfd
      "i32", // int level
      "i32", // int optname
      "buffer", // void *optval
      "buffer", // socklen_t *optlen
    ],
    result: "i32",
  },
  bind: {
    parameters: [
      "i32", // int sockfd
      "buffer", // const struct sockaddr *addr
      "u32", // socklen_t addrlen
    ],
    result: "i32",
  },
  connect: {
    parameters: [
      "i32", // int sockfd
      "buffer", // const struct sockaddr *addr
      "u32", // socklen_t addrlen
    ],
    result: "i32",
  },
  inet_pton: {
    parameters: [
      "i32", // int af
      "buffer", // const char *src
      "buffer", // void *dst
    ],
    result: "i32",
  },
  sendto: {
    parameters: [
      "i32", // int sockfd
      "buffer", // const void *buf
      "usize", // size_t len
      "i32", // int flags
      "buffer", // const struct sockaddr *dest_addr
      "u32", // socklen_t addrlen
    ],
    result: "isize", // ssize_t
  },
  recv: {
    parameters: [
      "i32", // int sockfd
      "buffer", // void *buf
      "usize", // size_t len
      "i32", // int flags
    ],
    result: "isize", // ssize_t
  },
  recvfrom: {
    parameters: [
      "i32", // int sockfd
      "buffer", // void *buf
      "usize", // size_t len
      "i32", // int flags
      "buffer", // struct sockaddr *src_addr
      "buffer", // socklen_t *addrlen
    ],
    result: "isize", // ssize_t
  },
  recvmmsg: {
    parameters: [
      "i32", // int sockfd
      "buffer", // struct mmsghdr *msgvec
      "u32", // unsigned int vlen
      "i32", // int flags
      "pointer", // struct timespec *timeout
    ],
    result: "i32",
  },
  clock_gettime: {
    parameters: [
      "i32", // clockid_t clockid
      "buffer", // struct timespec *tp
    ],
    result: "i32",
  },
  open: {
    parameters: [
      "buffer", // const char *pathname
      "i32", // int flags
    ],
    result: "i32",
  },
  read: {
    parameters: [
      "i32", // int fd
      "buffer", // void *buf
      "usize", // size_t count
    ],
    result: "isize", // ssize_t
  },
  uname: {
    parameters: [
      "buffer", // struct utsname *buf
    ],
    result: "i32",
  },
  fcntl: {
    parameters: [
      "i32", // int fd
      "i32", // int op
      "buffer", // struct flock *
    ],
    result: "i32",
  },
  kill: {
    parameters: [
      "i32", // pid_t pid
      "i32", // int sig
    ],
    result: "i32",
  },
  flock: {
    parameters: [
      "i32", // int fd
      "i32", // int operation
    ],
    result: "i32",
  },
  flockElsewhere: {
    name: "flock",
    parameters: [
      "i32", // int fd
      "i32", // int operation
    ],
    result: "i32",
    nonblocking: true,
  },
  eventfd: {
    parameters: [
      "u32", // unsigned int initval
      "i32", // int flags
    ],
    result: "i32",
  },
  eventfd_read: {
    parameters: [
      "i32", // int fd
      "buffer", // eventfd_t *value
    ],
    result: "i32",
  },
  eventfd_write: {
    parameters: [
      "i32", // int fd
      "u64", // eventfd_t value
    ],
    result: "i32",
  },
  timerfd_create: {
    parameters: [
      "i32", // clockid_t clockid
      "i32", // int flags
    ],
    result: "i32",
  },
  timerfd_settime: {
    parameters: [
      "i32", // int fd
      "i32", // int flags
      "buffer", // const struct itimerspec *new_value
      "pointer", // struct itimerspec *old_value
    ],
    result: "i32",
  },
  poll: {
    parameters: [
      "buffer", // struct pollfd *fds
      "usize", // nfds_t nfds
      "i32", // int timeout
    ],
    result: "i32",
  },
  pollElsewhere: {
    name: "poll",
    parameters: [
      "buffer", // struct pollfd *fds
      "usize", // nfds_t nfds
      "i32", // int timeout
    ],
    result: "i32",
    nonblocking: true,
  },
} as const satisfies Deno.ForeignLibraryInterface;

export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
const POLLIN = 1;

/** Calls that the kernel refuses with EPERM for want of a capability; others, such as sendto(2), have other reasons. */
const PRIVILEGED_CALLS: readonly string[] = ["socket", "setsockopt"];
const BE_ROOT = "run as root, or with CAP_NET_ADMIN and CAP_NET_RAW";

/** A C call that failed: "Cannot bind the raw socket to device eth9: ENODEV (No such device)". */
export class SysError extends Error {
  /** The C function. */
  readonly call: string;
  readonly errno: number;
  /** The errno's name: "ENODEV". */
  readonly code: string;

  /**
   * @param action what failed, in words that follow "Cannot"
   * @param description the C library's text for `errno`
   */
  constructor(action: string, call: string, errno: number, description: string) {
    const code = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ??
      `errno ${errno}`;
    const cure = errno === constants.errno.EPERM && PRIVILEGED_CALLS.includes(call) ? `; ${BE_ROOT}` : "";
    super(`Cannot ${action}: ${code} (${description})${cure}`);
    this.name = "SysError";
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

/** The loaded library, shared by all `Libc` objects. */
interface Shared {
  readonly library: Deno.DynamicLibrary<typeof SYMBOLS>;
  /** `errno` of this thread, read from memory because another call could change it. */
  readonly errno: Deno.UnsafePointerView;
  users: number;
}

/** Loaded once, because the runtime compiles a stub for each function, which takes longer than most calls. */
let shared: Shared | null = null;

function load(): Shared {
  const library = openLibrary(LIBC_SOURCE, SYMBOLS);
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

  get symbols(): Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] {
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
  check(action: string, call: keyof typeof SYMBOLS, result: number | bigint): number {
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
