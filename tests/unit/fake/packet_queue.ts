import { EXIT, IpipouError } from "../../../lib/errors.ts";
import type { PacketQueue, PacketQueueOptions } from "../../../lib/ports.ts";
import { Mailbox } from "./mailbox.ts";

/** The open netfilter queues of a host, by number. */
export type Queues = Map<number, FakePacketQueue>;

/** A netfilter queue of a fake kernel. */
export class FakePacketQueue implements PacketQueue {
  readonly #queues: Queues;
  readonly #number: number;
  readonly #copyRange: number;
  readonly #packets: Mailbox<Uint8Array>;
  maxLength: number;
  /** How many packets were dropped because the queue was full. */
  dropped = 0;

  /** @throws {IpipouError} exit code 20 when another process has the queue */
  constructor(queues: Queues, { number, maxLength, copyRange }: PacketQueueOptions) {
    if (queues.has(number)) {
      const why = "another process has it: stop that one, or give another --queue-number";
      throw new IpipouError(`Cannot bind netfilter queue ${number}: EPERM: ${why}`, EXIT.queue);
    }
    this.#queues = queues;
    this.#number = number;
    this.#copyRange = copyRange;
    this.#packets = new Mailbox(maxLength);
    this.maxLength = maxLength;
    queues.set(number, this);
  }

  /** How many packets wait. */
  get length(): number {
    return this.#packets.length;
  }

  /** Queues a packet, if there is room. */
  put(packet: Uint8Array): boolean {
    const isIn = this.#packets.put(packet.slice(0, this.#copyRange));
    if (!isIn) this.dropped++;
    return isIn;
  }

  /** Makes its reader throw. */
  fail(): void {
    this.#packets.fail(new IpipouError(`Cannot read netfilter queue ${this.#number}`, EXIT.queue));
  }

  packets(signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    return this.#packets.read(signal);
  }

  resize(maxLength: number): void {
    this.maxLength = maxLength;
    this.#packets.resize(maxLength);
  }

  [Symbol.dispose](): void {
    this.#packets.close();
    if (this.#queues.get(this.#number) === this) this.#queues.delete(this.#number);
  }

  /** Called when its process is killed. */
  abandon(): void {
    this.#packets.abandon();
    this[Symbol.dispose]();
  }
}
