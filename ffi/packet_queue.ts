import { constants } from "node:os";
import { EXIT, IpipouError } from "../lib/errors.ts";
import type * as ports from "../lib/ports.ts";
import { DatagramBatch } from "./datagram_batch.ts";
import {
  connectToKernel,
  NETLINK,
  openNetlink,
  sendToKernel,
  setIntOption,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOL_NETLINK,
  SOL_SOCKET,
} from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { QueueMessages } from "./libnetfilter_queue.ts";
import { procText } from "./proc_files.ts";
import { parseQueueMessages, type QueueMessage } from "./queue_messages.ts";
import { ReadLoop } from "./read_loop.ts";
import { SysError } from "./sys_error.ts";

const NETLINK_NO_ENOBUFS = 5;

/** Packets that one verdict drops at most. */
const MAX_BATCH = 16;

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
  readonly #copyRange: number;
  readonly #batch: DatagramBatch;
  readonly #libc: Libc;
  readonly #messages: QueueMessages;
  readonly #fd: number;
  /** Holds the queue's number. */
  readonly #binding: DisposableStack;
  /** Copies of dropped packets that were not yielded yet. */
  readonly #received: Uint8Array<ArrayBuffer>[] = [];
  readonly #loop: ReadLoop;

  private constructor({ number, maxLength, copyRange }: ports.PacketQueueOptions) {
    this.#number = number;
    this.#name = `netfilter queue ${number}`;
    this.#copyRange = copyRange;
    this.#batch = new DatagramBatch(MAX_BATCH, copyRange + ATTRIBUTES_LENGTH);
    using resources = new DisposableStack();
    const libc = this.#libc = resources.use(new Libc());
    this.#messages = resources.use(new QueueMessages(number));
    this.#fd = openNetlink(libc, this.#name, NETLINK.netfilter, 0, resources);
    this.#setUpSocket(maxLength);
    using binding = new DisposableStack();
    this.#bind(maxLength);
    binding.defer(() => this.#unbind());
    // Last, because packets arrive from now on.
    this.#send(`have ${this.#name} copy ${copyRange} bytes a packet`, this.#messages.copy(copyRange));
    this.#loop = new ReadLoop(this.#name, this.#fd, libc, resources);
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
      yield* this.#loop.read(() => this.#take(), signal);
    } catch (cause) {
      throw asQueueError(cause);
    }
  }

  /** Changes how many packets may wait; those that already wait are kept. @throws {IpipouError} exit code 20 */
  resize(maxLength: number): void {
    try {
      this.#setBuffer(maxLength);
      // It asks for no answer, which would come between packets. `packets()` throws what the kernel says against it.
      this.#send(lengthAction(this.#name, maxLength), this.#messages.resize(maxLength));
    } catch (cause) {
      throw asQueueError(cause);
    }
  }

  /** Releases the queue's number at once and ends `packets()`, also while it waits. May be called again. */
  [Symbol.dispose](): void {
    this.#binding.dispose();
    this.#loop.close();
  }

  #setUpSocket(maxLength: number): void {
    const action = `set up ${this.#name}`;
    connectToKernel(this.#libc, action, this.#fd);
    // Otherwise, once the buffer is full, the kernel drops everything until it was read empty, and recv fails with
    // ENOBUFS, which tells no more than the counters in QUEUE_TABLE.
    this.#libc.check(action, "setsockopt", this.#setOption(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1));
    this.#setBuffer(maxLength);
  }

  #bind(maxLength: number): void {
    const action = `bind ${this.#name}`;
    this.#send(action, this.#messages.bind(maxLength));
    // The kernel answers while it is told.
    const [answer] = this.#readMessages(action);
    const errno = answer?.kind === "answer" ? answer.errno : constants.errno.EPROTO;
    if (errno !== 0) throw bindError(this.#number, this.#libc.error(action, "recv", errno));
  }

  #unbind(): void {
    try {
      this.#send(`unbind ${this.#name}`, this.#messages.unbind());
    } catch (cause) {
      // Closing the socket does it too, a little later.
      if (!(cause instanceof SysError)) throw cause;
    }
  }

  #setBuffer(maxLength: number): void {
    // Packets wait in this buffer, so it must hold a full queue. More than net.core.rmem_max needs CAP_NET_ADMIN in
    // the initial user namespace; without it, packets that do not fit are dropped and counted.
    const bufferLength = Math.min(maxLength * (this.#copyRange + MESSAGE_COST), MAX_BUFFER_LENGTH);
    if (this.#setOption(SOL_SOCKET, SO_RCVBUFFORCE, bufferLength) < 0) {
      const result = this.#setOption(SOL_SOCKET, SO_RCVBUF, bufferLength);
      this.#libc.check(lengthAction(this.#name, maxLength), "setsockopt", result);
    }
  }

  #setOption(level: number, option: number, value: number): number {
    return setIntOption(this.#libc, this.#fd, level, option, value);
  }

  #send(action: string, message: Uint8Array<ArrayBuffer>): void {
    sendToKernel(this.#libc, action, this.#fd, message);
  }

  /** The next packet; null: there is none. */
  #take(): Uint8Array<ArrayBuffer>[] | null {
    if (this.#received.length === 0 && !this.#receive()) return null;
    return this.#received.splice(0, 1);
  }

  /** Adds packets to `#received`, and drops them in the kernel. @returns false when there was nothing to read */
  #receive(): boolean {
    const action = `read ${this.#name}`;
    const messages = this.#readMessages(action);
    let lastId: number | null = null;
    for (const message of messages) {
      if (message.kind === "answer") {
        this.#refuse(action, message.errno);
        continue;
      }
      lastId = message.id;
      if (message.bytes !== null) this.#received.push(message.bytes);
    }
    // Packets come in the order of their ids, so this drops none that waits to be read.
    if (lastId !== null) this.#send(`drop packets of ${this.#name}`, this.#messages.drop(lastId));
    return messages.length > 0;
  }

  /** @throws {SysError} for an answer that is a failure */
  #refuse(action: string, errno: number): void {
    // ENOENT answers the verdict on packets that the kernel has dropped itself, as when their device goes down.
    if (errno !== 0 && errno !== constants.errno.ENOENT) throw this.#libc.error(action, "recvmmsg", errno);
  }

  #readMessages(action: string): QueueMessage[] {
    return this.#batch.receive(this.#libc, action, this.#fd).flatMap(parseQueueMessages);
  }
}

function lengthAction(name: string, maxLength: number): string {
  return `set the length of ${name} to ${maxLength}`;
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
