import { type BpfInstruction, TAKE_NOTHING } from "../lib/reply_filter.ts";
import { Libc } from "./libc.ts";
import { ReadLoop } from "./read_loop.ts";

const AF_INET = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_UDP = 17;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;

/** Room for some ten replies, by the kernel's accounts: whoever sends more than are asked for fills no memory. */
const BUFFER_LENGTH = 8192;

/** Bytes of `struct sock_fprog`: length (2), padding, pointer (8); and of `struct sock_filter`. */
const PROGRAM_LENGTH = 16;
const INSTRUCTION_LENGTH = 8;

/** So are both machines that the program is built for. */
const IS_LITTLE_ENDIAN = true;

const NAME = "the socket for replies";

/**
 * Reads copies of the UDP datagrams that a filter in the kernel takes, also of those that are delivered to a port
 * which the kernel itself holds. What the filter leaves never wakes the process. Needs CAP_NET_RAW.
 */
export class ReplySocket {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #loop: ReadLoop;

  private constructor(filter: readonly BpfInstruction[], maxLength: number) {
    this.#buffer = new Uint8Array(maxLength);
    using resources = new DisposableStack();
    const libc = this.#libc = resources.use(new Libc());
    const socket = libc.symbols.socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
    this.#fd = resources.adopt(libc.check(`open ${NAME}`, "socket", socket), (fd) => libc.symbols.close(fd));
    this.#set(SO_RCVBUF, new Int32Array([BUFFER_LENGTH]), 4);
    // A raw socket receives from its first moment: what came before the filter must not be taken for a reply.
    this.#attach(TAKE_NOTHING);
    while (this.#receive() !== null);
    this.#attach(filter);
    this.#loop = new ReadLoop(NAME, this.#fd, libc, resources);
  }

  /**
   * @param options.filter tells which datagrams to read, from their IPv4 header on
   * @param options.maxLength bytes read of each, counted from there
   * @throws {SysError} EPERM without CAP_NET_RAW
   */
  static open(
    options: { readonly filter: readonly BpfInstruction[]; readonly maxLength: number },
  ): ReplySocket {
    return new ReplySocket(options.filter, options.maxLength);
  }

  /**
   * Hands out datagrams, each a copy from its IPv4 header on, until `close()` or `signal` ends it. What was not
   * asked for waits in the kernel, which drops what is beyond some ten. One reader at a time.
   *
   * @throws {SysError}
   */
  packets(signal?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    return this.#loop.read(() => this.#receive(), signal);
  }

  /** Ends `packets()`, also while it waits. May be called again. */
  close(): void {
    this.#loop.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #receive(): Uint8Array<ArrayBuffer>[] | null {
    const length = this.#libc.receive(`read ${NAME}`, this.#fd, this.#buffer);
    return length === null ? null : [this.#buffer.slice(0, length)];
  }

  #attach(filter: readonly BpfInstruction[]): void {
    // Both structures in one buffer, so that the pointer's target lives as long as the pointer.
    const bytes = new Uint8Array(PROGRAM_LENGTH + filter.length * INSTRUCTION_LENGTH);
    const view = new DataView(bytes.buffer);
    const start = Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)) + BigInt(PROGRAM_LENGTH);
    view.setUint16(0, filter.length, IS_LITTLE_ENDIAN);
    view.setBigUint64(8, start, IS_LITTLE_ENDIAN);
    filter.forEach(({ code, jt, jf, k }, index) => {
      const offset = PROGRAM_LENGTH + index * INSTRUCTION_LENGTH;
      view.setUint16(offset, code, IS_LITTLE_ENDIAN);
      view.setUint8(offset + 2, jt);
      view.setUint8(offset + 3, jf);
      view.setUint32(offset + 4, k, IS_LITTLE_ENDIAN);
    });
    this.#set(SO_ATTACH_FILTER, bytes, PROGRAM_LENGTH);
  }

  #set(option: number, value: Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>, length: number): void {
    const result = this.#libc.symbols.setsockopt(this.#fd, SOL_SOCKET, option, value, length);
    this.#libc.check(`set up ${NAME}`, "setsockopt", result);
  }
}
