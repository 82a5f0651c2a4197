import { constants } from "node:os";
import { EXIT, IpipouError } from "../lib/errors.ts";
import type * as ports from "../lib/ports.ts";
import {
  sendToKernel,
  setIntOption,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOL_NETLINK,
  SOL_SOCKET,
} from "./descriptors.ts";
import { Libc, SysError } from "./libc.ts";
import { CALLBACK, type LibnetfilterQueue, openLibnetfilterQueue } from "./libnetfilter_queue.ts";
import { readAnswers } from "./netlink_answers.ts";
import { makeRequest } from "./netlink_encoding.ts";
import { procText } from "./proc_files.ts";
import { ReadLoop } from "./read_loop.ts";

const NF_DROP = 0;
const NFQNL_COPY_PACKET = 2;
const NETLINK_NO_ENOBUFS = 5;
const NFQNL_MSG_CONFIG = 0x302;
const NFQA_CFG_QUEUE_MAXLEN = 3;

/** Bytes of a message besides the packet; the kernel sends about 300 bytes of attributes. */
const ATTRIBUTES_LENGTH = 4096;

/** Bytes of the receive buffer that a message takes besides its packet; the kernel doubles the buffer's size. */
const MESSAGE_COST = 1024;

/** The kernel stores twice the size in a signed 32-bit number. */
const MAX_BUFFER_LENGTH = 2 ** 30 - 1;

/** The kernel's list of queues; the first two columns are a queue's number and its holder's netlink port id. */
const QUEUE_TABLE = "/proc/net/netfilter/nfnetlink_queue";

/** Reads a netfilter queue: copies each packet, then drops it. Needs CAP_NET_ADMIN. */
export class PacketQueue implements ports.PacketQueue {
  readonly #number: number;
  readonly #name: string;
  readonly #message: Uint8Array<ArrayBuffer>;
  readonly #libc: Libc;
  readonly #symbols: LibnetfilterQueue["symbols"];
  readonly #handle: Deno.PointerValue;
  readonly #fd: number;
  readonly #queue: Deno.PointerValue;
  readonly #copyRange: number;
  #maxLength = 0;
  /** Holds the queue's number. */
  readonly #binding: DisposableStack;
  /** Copies of dropped packets that were not yielded yet. */
  readonly #received: Uint8Array<ArrayBuffer>[] = [];
  readonly #loop: ReadLoop;

  private constructor({ number, maxLength, copyRange }: ports.PacketQueueOptions) {
    this.#number = number;
    this.#name = `netfilter queue ${number}`;
    this.#copyRange = copyRange;
    this.#message = new Uint8Array(copyRange + ATTRIBUTES_LENGTH);
    using resources = new DisposableStack();
    this.#libc = resources.use(new Libc());
    const library = resources.adopt(openLibnetfilterQueue(), (library) => library.close());
    const symbols = this.#symbols = library.symbols;
    // C keeps the callback's address as long as the handle: create it before the handle and free it after.
    const callback = resources.adopt(
      new Deno.UnsafeCallback(CALLBACK, (queue, _message, data) => this.#take(queue, data)),
      (callback) => callback.close(),
    );
    const handle = this.#handle = symbols.nfq_open();
    if (handle === null) throw this.#libc.error(`open ${this.#name}`, "nfq_open");
    resources.defer(() => symbols.nfq_close(handle));
    this.#fd = symbols.nfq_fd(handle);
    using binding = new DisposableStack();
    const queue = symbols.nfq_create_queue(handle, number, callback.pointer, null);
    if (queue === null) throw bindError(number, this.#libc.error(`bind ${this.#name}`, "nfq_create_queue"));
    binding.defer(() => symbols.nfq_destroy_queue(queue));
    this.#queue = queue;
    this.#setUp(maxLength);
    this.#loop = new ReadLoop(this.#name, this.#fd, this.#libc, resources);
    this.#binding = binding.move();
  }

  /**
   * Binds a queue.
   *
   * @throws {IpipouError} exit code 20 and the cure: the library is missing, another process has the queue,
   *   CAP_NET_ADMIN is missing, or the kernel refuses. Except for the first, its cause is a `SysError`
   */
  static open(options: ports.PacketQueueOptions): PacketQueue {
    try {
      return new PacketQueue(options);
    } catch (cause) {
      throw asQueueError(cause);
    }
  }

  /**
   * Yields copies of the queue's packets, from the IPv4 header on, until disposed or `signal` is aborted. The kernel
   * keeps packets until they are read, up to the queue's length. One reader at a time.
   *
   * @throws {IpipouError} exit code 20 when the kernel reports a failure; its cause is a `SysError`
   */
  async *packets(signal?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    try {
      yield* this.#loop.read(() => this.#receive(), signal);
    } catch (cause) {
      throw asQueueError(cause);
    }
  }

  /** Changes how many packets may wait; those that already wait are kept. @throws {IpipouError} exit code 20 */
  resize(maxLength: number): void {
    if (maxLength === this.#maxLength) return;
    try {
      this.#setLength(maxLength);
    } catch (cause) {
      throw asQueueError(cause);
    }
  }

  /** Releases the queue's number at once and ends `packets()`, also while it waits. May be called again. */
  [Symbol.dispose](): void {
    this.#binding.dispose();
    this.#loop.close();
  }

  #setUp(maxLength: number): void {
    // Otherwise, once the buffer is full, the kernel drops everything until it was read empty, and recv fails with
    // ENOBUFS, which tells no more than the counters in QUEUE_TABLE.
    const quiet = this.#setOption(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
    this.#libc.check(`set up ${this.#name}`, "setsockopt", quiet);
    this.#setLength(maxLength);
    // Last, because packets arrive from now on.
    if (this.#symbols.nfq_set_mode(this.#queue, NFQNL_COPY_PACKET, this.#copyRange) < 0) {
      throw this.#libc.error(`have ${this.#name} copy ${this.#copyRange} bytes a packet`, "nfq_set_mode");
    }
  }

  #setLength(maxLength: number): void {
    const action = `set the length of ${this.#name} to ${maxLength}`;
    // Packets wait in this buffer, so it must hold a full queue. More than net.core.rmem_max needs CAP_NET_ADMIN in
    // the initial user namespace; without it, packets that do not fit are dropped and counted.
    const bufferLength = Math.min(maxLength * (this.#copyRange + MESSAGE_COST), MAX_BUFFER_LENGTH);
    if (this.#setOption(SOL_SOCKET, SO_RCVBUFFORCE, bufferLength) < 0) {
      this.#libc.check(action, "setsockopt", this.#setOption(SOL_SOCKET, SO_RCVBUF, bufferLength));
    }
    sendToKernel(this.#libc, action, this.#fd, lengthMessage(this.#number, maxLength));
    this.#maxLength = maxLength;
  }

  #setOption(level: number, option: number, value: number): number {
    return setIntOption(this.#libc, this.#fd, level, option, value);
  }

  /** The packets of the next message; null: there is no message. */
  #receive(): Uint8Array<ArrayBuffer>[] | null {
    // Packets may have been received while the kernel answered a setting.
    if (this.#received.length === 0 && !this.#readMessage()) return null;
    return this.#received.splice(0);
  }

  /** Adds the next message's packets to `#received`. @returns false when there is no message */
  #readMessage(): boolean {
    const action = `read ${this.#name}`;
    const length = this.#libc.receive(action, this.#fd, this.#message);
    if (length === null) return false;
    const [answer] = readAnswers(this.#message.subarray(0, length));
    // ENOENT answers the verdict on a packet that the kernel has dropped itself, as when its device goes down.
    if (answer?.errno === constants.errno.ENOENT || answer?.errno === 0) return true;
    if (answer !== undefined) throw this.#libc.error(action, "recv", answer.errno);
    if (this.#symbols.nfq_handle_packet(this.#handle, this.#message, length) < 0) {
      throw this.#libc.error(action, "nfq_handle_packet");
    }
    return true;
  }

  /** Called by C for each packet: copies it and drops it. @returns below 0, with errno set, on failure */
  #take(queue: Deno.PointerValue, data: Deno.PointerValue): number {
    const header = this.#symbols.nfq_get_msg_packet_hdr(data);
    if (header === null) return 0; // no packet that could need a verdict
    const start = new BigUint64Array(1);
    const length = this.#symbols.nfq_get_payload(data, start);
    const payload = Deno.UnsafePointer.create(start[0]!);
    if (length > 0 && payload !== null) {
      const packet = new Uint8Array(length);
      new Deno.UnsafePointerView(payload).copyInto(packet);
      this.#received.push(packet);
    }
    const id = new Uint8Array(4); // the first member of struct nfqnl_msg_packet_hdr, big-endian
    new Deno.UnsafePointerView(header).copyInto(id);
    return this.#symbols.nfq_set_verdict(queue, new DataView(id.buffer).getUint32(0), NF_DROP, 0, null);
  }
}

/**
 * The message that sets a queue's length. It asks for no answer. The library's own function waits for one, and sometimes
 * fails when packets arrive in between.
 */
function lengthMessage(number: number, maxLength: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(4); // struct nfgenmsg
  new DataView(header.buffer).setUint16(2, number);
  return makeRequest(NFQNL_MSG_CONFIG, 0, header, (encoder) => {
    encoder.attribute(NFQA_CFG_QUEUE_MAXLEN, () => encoder.networkWord(maxLength));
  });
}

function asQueueError(cause: unknown): unknown {
  return cause instanceof SysError ? new IpipouError(cause.message, EXIT.queue, { cause }) : cause;
}

function bindError(number: number, cause: SysError): SysError | IpipouError {
  const { EINVAL, EPERM } = constants.errno;
  if (cause.errno !== EPERM && cause.errno !== EINVAL) return cause;
  const reason = cause.errno === EPERM ? whyForbidden(number) : "load the kernel module nfnetlink_queue";
  return new IpipouError(`${cause.message}: ${reason}`, EXIT.queue, { cause });
}

/** The kernel answers EPERM both when the privilege is missing and when the queue is taken. */
function whyForbidden(number: number): string {
  let table;
  try {
    table = procText(QUEUE_TABLE);
  } catch {
    return `CAP_NET_ADMIN is missing, or another process has the queue (root sees which in ${QUEUE_TABLE})`;
  }
  const holder = table.match(new RegExp(`^ *${number} +(\\d+)`, "m"))?.[1];
  if (holder === undefined) return "CAP_NET_ADMIN is missing";
  return `another process has it (netlink port id ${holder} in ${QUEUE_TABLE}): stop that one, or give another ` +
    "--queue-number";
}
