import type * as ports from "../lib/ports.ts";
import { type BpfInstruction, TAKE_NOTHING } from "../lib/reply_filter.ts";
import { AF_INET, IS_LITTLE_ENDIAN, openSocket, SO_RCVBUF, SOCK_RAW, SOL_SOCKET } from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { ReadLoop } from "./read_loop.ts";

const IPPROTO_UDP = 17;
const KIND = { family: AF_INET, type: SOCK_RAW, protocol: IPPROTO_UDP };
const SO_ATTACH_FILTER = 26;

/** Holds about ten replies, as the kernel counts their size. A flood of replies must not fill the memory. */
const BUFFER_LENGTH = 8192;

/** Bytes of `struct sock_fprog`: length (2), padding, pointer (8); and of `struct sock_filter`. */
const PROGRAM_LENGTH = 16;
const INSTRUCTION_LENGTH = 8;

const NAME = "the socket for replies";

const ANY = new Uint8Array(4);
/** A multicast address, to which next to nothing is sent, and a socket can always be bound. */
const ALL_SYSTEMS = Uint8Array.of(224, 0, 0, 1);

/**
 * Reads copies of the UDP datagrams that a BPF filter accepts, including those for FOU ports, which the kernel itself
 * holds. Other datagrams never wake the process. Needs CAP_NET_RAW.
 */
export class ReplySocket implements ports.ReplySocket {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #loop: ReadLoop;

  /** @throws {SysError} EPERM without CAP_NET_RAW */
  constructor({ filter, maxLength }: ports.ReplySocketOptions) {
    this.#buffer = new Uint8Array(maxLength);
    using resources = new DisposableStack();
    const libc = this.#libc = resources.use(new Libc());
    this.#fd = openSocket(libc, `open ${NAME}`, KIND, resources);
    this.#set(SO_RCVBUF, new Int32Array([BUFFER_LENGTH]), 4);
    // A raw socket receives from the moment it is opened: discard what arrived before the filter.
    this.#attach(TAKE_NOTHING);
    while (this.#receive() !== null);
    this.#attach(filter);
    this.#loop = new ReadLoop(NAME, this.#fd, libc, resources);
  }

  /**
   * Yields copies of datagrams, from the IPv4 header on, until disposed. The kernel keeps about ten of them until they
   * are read and drops the rest. One reader at a time. @throws {SysError}
   */
  packets(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    return this.#loop.read(() => this.#receive());
  }

  use(filter: readonly BpfInstruction[]): void {
    this.#attach(filter);
  }

  /** A socket with a filter costs each datagram a copy of its header. One that is bound elsewhere costs nothing. */
  pause(): void {
    this.#bind(ALL_SYSTEMS);
  }

  resume(): void {
    this.#bind(ANY);
  }

  [Symbol.dispose](): void {
    this.#loop.close();
  }

  #bind(ip: Uint8Array): void {
    const address = new Uint8Array(16); // struct sockaddr_in: family, port, address, padding
    new Uint16Array(address.buffer)[0] = AF_INET;
    address.set(ip, 4);
    const result = this.#libc.symbols.bind(this.#fd, address, address.length);
    this.#libc.check(`set up ${NAME}`, "bind", result);
  }

  #receive(): Uint8Array<ArrayBuffer>[] | null {
    const length = this.#libc.receive(`read ${NAME}`, this.#fd, this.#buffer);
    return length === null ? null : [this.#buffer.slice(0, length)];
  }

  #attach(filter: readonly BpfInstruction[]): void {
    // struct sock_fprog points to the instructions: one buffer for both keeps them alive together.
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
