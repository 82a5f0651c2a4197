import assert from "node:assert/strict";
import type { ReplySocket, ReplySocketOptions } from "../../../lib/ports.ts";
import type { BpfInstruction } from "../../../lib/reply_filter.ts";
import { runBpf } from "./bpf.ts";
import { Mailbox } from "./mailbox.ts";

/** How many datagrams wait before the kernel drops more. */
const ROOM = 10;

/** A socket that receives copies of a host's UDP datagrams. */
export class FakeReplySocket implements ReplySocket {
  readonly #sockets: Set<FakeReplySocket>;
  #filter: readonly BpfInstruction[];
  #isPaused = false;
  /** Counts, where the kernel has random words. */
  #word = 0;
  readonly #maxLength: number;
  readonly #packets = new Mailbox<Uint8Array>(ROOM);

  /** @param sockets all reply sockets that are open on the host */
  constructor(sockets: Set<FakeReplySocket>, { filter, maxLength }: ReplySocketOptions) {
    this.#sockets = sockets;
    this.#filter = filter;
    this.#maxLength = maxLength;
    sockets.add(this);
  }

  /** Receives a datagram, from its IPv4 header on, if the filter accepts it. */
  put(packet: Uint8Array): void {
    if (this.#isPaused) return;
    const length = runBpf(this.#filter, packet, () => ++this.#word);
    if (length > 0) this.#packets.put(packet.slice(0, Math.min(length, this.#maxLength)));
  }

  /** Makes its reader throw. */
  fail(error: Error): void {
    this.#packets.fail(error);
  }

  packets(): AsyncGenerator<Uint8Array, void, void> {
    return this.#packets.read();
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  use(filter: readonly BpfInstruction[]): void {
    this.#assertOpen();
    this.#filter = filter;
  }

  pause(): void {
    this.#assertOpen();
    this.#isPaused = true;
  }

  resume(): void {
    this.#assertOpen();
    this.#isPaused = false;
  }

  /** The descriptor of a closed socket may be another one's. */
  #assertOpen(): void {
    assert.ok(this.#sockets.has(this), "the reply socket is closed");
  }

  [Symbol.dispose](): void {
    this.#packets.close();
    this.#sockets.delete(this);
  }

  /** Called when its process is killed. */
  abandon(): void {
    this.#packets.abandon();
    this[Symbol.dispose]();
  }
}
