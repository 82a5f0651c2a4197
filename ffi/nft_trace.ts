import { constants } from "node:os";
import { setTimeout } from "node:timers/promises";
import type { PacketTrace, TraceEvent, TraceRequest } from "../lib/doctor_ports.ts";
import { NETLINK, openNetlink, sendToKernel } from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { readAnswers } from "./netlink_answers.ts";
import { ReadLoop } from "./read_loop.ts";
import { SysError } from "./sys_error.ts";
import { encodeTrace } from "./trace_batch.ts";
import { parseTrace } from "./trace_events.ts";

/** NFNLGRP_NFTRACE of NETLINK_NETFILTER, number 9. */
const TRACE_GROUP = 1 << 8;
/** Longer than any datagram of the group, and than the answers to a transaction. */
const LONGEST = 64 * 1024;
/** Most datagrams that are read after the trace was stopped: others may trace, too, and never stop. */
const MOST_LAST = 4_096;
/** More than a packet takes through all rules, also on a slow machine. */
const IN_HAND_MILLISECONDS = 100;
const NAME = "a trace of packets";
const FIRST_SEQUENCE = 1;

/** Has nftables trace packets, by a table of its own that the kernel removes with the socket that made it. */
export class NftTrace implements PacketTrace {
  // Others may trace, too.
  readonly table = `ipipou-doctor-${crypto.randomUUID().slice(0, 8)}`;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(LONGEST);
  readonly #owner: DisposableStack;
  readonly #loop: ReadLoop;
  readonly #stopped = new AbortController();
  #isClosed = false;

  /** @throws {SysError} */
  constructor(wanted: TraceRequest) {
    using resources = new DisposableStack();
    const libc = this.#libc = resources.use(new Libc());
    this.#fd = openNetlink(libc, NAME, NETLINK.netfilter, TRACE_GROUP, resources);
    this.#owner = resources.use(new DisposableStack());
    const socket = openNetlink(libc, NAME, NETLINK.netfilter, 0, this.#owner);
    this.#begin(
      socket,
      encodeTrace(this.table, wanted, FIRST_SEQUENCE),
    );
    this.#loop = new ReadLoop(NAME, this.#fd, libc, resources);
  }

  async *events(): AsyncGenerator<TraceEvent, void, void> {
    yield* this.#loop.read(() => this.#receive(), this.#stopped.signal);
    // What became of the last packets waits in the socket, or a processor has one of them in hand.
    yield* this.#rest();
    await setTimeout(IN_HAND_MILLISECONDS);
    yield* this.#rest();
  }

  *#rest(): Generator<TraceEvent, void, void> {
    for (let count = 0; count < MOST_LAST && !this.#isClosed; count++) {
      const events = this.#receive();
      if (events === null) return;
      yield* events;
    }
  }

  stop(): void {
    this.#owner.dispose();
    this.#stopped.abort();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.stop();
    this.#loop.close();
  }

  #begin(socket: number, { bytes, last }: ReturnType<typeof encodeTrace>): void {
    sendToKernel(this.#libc, `ask for ${NAME}`, socket, bytes);
    let isDone = false;
    while (true) {
      const length = this.#libc.receive(`ask for ${NAME}`, socket, this.#buffer);
      if (length === null) break;
      for (const { sequence, errno } of readAnswers(this.#buffer.subarray(0, length))) {
        if (errno !== 0) throw this.#libc.error(`ask for ${NAME}`, "sendto", errno);
        isDone ||= sequence === last;
      }
    }
    if (!isDone) throw this.#libc.error(`ask for ${NAME}`, "recv", constants.errno.EPROTO);
  }

  #receive(): TraceEvent[] | null {
    try {
      const length = this.#libc.receive(`read ${NAME}`, this.#fd, this.#buffer);
      return length === null ? null : parseTrace(this.#buffer.subarray(0, length));
    } catch (error) {
      // There were more than the socket holds: the rest tells enough.
      if (error instanceof SysError && error.errno === constants.errno.ENOBUFS) return [];
      throw error;
    }
  }
}
