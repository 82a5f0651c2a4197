import { AF_UNIX, openSocket, SOCK_DGRAM } from "./descriptors.ts";
import { Libc, MSG_DONTWAIT } from "./libc.ts";

const KIND = { family: AF_UNIX, type: SOCK_DGRAM, protocol: 0 };
const CLOCK_MONOTONIC = 1;

/** `struct sockaddr_un`: where the path begins, and its greatest length. */
const PATH_OFFSET = 2;
const LONGEST_PATH = 107;

/** Sends datagrams to a Unix socket, such as that of a service manager; see sd_notify(3). */
export class NotifySocket implements Disposable {
  readonly #resources: DisposableStack;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #address: Uint8Array<ArrayBuffer>;

  /**
   * @param path of the socket; a leading `@` means the abstract namespace
   * @throws {TypeError} when it cannot be a socket's path
   * @throws {SysError}
   */
  constructor(path: string) {
    const bytes = new TextEncoder().encode(path.replace(/^@/, "\0"));
    if (!/^[/@]./s.test(path) || bytes.length > LONGEST_PATH) {
      throw new TypeError(`Cannot use ${JSON.stringify(path)} as a Unix socket's address`);
    }
    using resources = new DisposableStack();
    this.#libc = resources.use(new Libc());
    this.#fd = openSocket(this.#libc, "open a Unix socket", KIND, resources);
    this.#address = new Uint8Array(PATH_OFFSET + bytes.length);
    new Uint16Array(this.#address.buffer, 0, 1)[0] = AF_UNIX;
    this.#address.set(bytes, PATH_OFFSET);
    this.#resources = resources.move();
  }

  /** Sends one datagram without waiting. @throws {SysError} EAGAIN when the receiver's queue is full */
  send(message: string): void {
    const bytes = new TextEncoder().encode(message);
    const sent = this.#libc.symbols.sendto(
      this.#fd,
      bytes,
      BigInt(bytes.length),
      MSG_DONTWAIT,
      this.#address,
      this.#address.length,
    );
    this.#libc.check("notify the service manager", "sendto", sent);
  }

  /** CLOCK_MONOTONIC in microseconds, the clock of service managers. @throws {SysError} */
  get time(): bigint {
    const timespec = new BigInt64Array(2); // seconds, nanoseconds
    const result = this.#libc.symbols.clock_gettime(CLOCK_MONOTONIC, timespec);
    this.#libc.check("read the clock", "clock_gettime", result);
    return timespec[0]! * 1_000_000n + timespec[1]! / 1_000n;
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }
}
