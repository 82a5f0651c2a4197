import { constants } from "node:os";
import { use } from "../lib/use.ts";
import { IS_LITTLE_ENDIAN, openNetlink, sendToKernel, setIntOption, SOL_NETLINK } from "./descriptors.ts";
import type { Libc } from "./libc.ts";
import { type Message, messagesIn, NLMSG, viewOf } from "./netlink_messages.ts";
import { Sequences } from "./netlink_sequences.ts";
import { SysError } from "./sys_error.ts";

const NLM_F_MULTI = 2;
const NLM_F_DUMP_INTR = 0x10;
/** Offset in struct nlmsghdr. */
const SEQUENCE = 8;

/** Has the kernel list what a request asks for, and nothing else. Before Linux 4.20 there was no such option. */
const NETLINK_GET_STRICT_CHK = 12;
/** Longer than any answer: the kernel's dumps come in parts of at most 32 KiB, which it makes for buffers of that size. */
const ANSWER_LENGTH = 64 * 1024;
/** How often to ask for what changes while it is listed. */
const TRIES = 10;

/** What was asked for changed while the kernel listed it, or the kernel had no room for the answer. */
export class InterruptedDump extends Error {}

/** A netlink socket for requests that the kernel answers while they are sent. */
export class Asker {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #name: string;
  readonly #buffer = new Uint8Array(ANSWER_LENGTH);
  readonly #sequences = new Sequences();
  /** Of the latest request. */
  #sequence = 0;

  /** Whether it takes an answer although something changed while the kernel made it. */
  readonly isTolerant: boolean;

  /** @param name what is asked for @param resources closes it @throws {SysError} */
  constructor(
    libc: Libc,
    protocol: number,
    name: string,
    isTolerant: boolean,
    resources: DisposableStack,
  ) {
    this.#libc = libc;
    this.#name = name;
    this.isTolerant = isTolerant;
    this.#fd = openNetlink(libc, name, protocol, 0, resources);
    setIntOption(libc, this.#fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
  }

  /**
   * Sends a request.
   *
   * @param parse reads a message of the answer, before the next is received; null: it is none of those asked for
   * @returns what it read
   * @throws {SysError} with the errno that the kernel answers
   * @throws {InterruptedDump}
   */
  ask<T>(request: Uint8Array<ArrayBuffer>, parse: (message: Message) => T | null): T[] {
    this.#sequence = this.#sequences.take(1);
    viewOf(request).setUint32(SEQUENCE, this.#sequence, IS_LITTLE_ENDIAN);
    sendToKernel(this.#libc, `ask for ${this.#name}`, this.#fd, request);
    const found: T[] = [];
    let [isDone, isInterrupted] = [false, false];
    while (!isDone) {
      for (const message of this.#receive()) {
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) isInterrupted = true;
        isDone ||= this.#isLast(message);
        const item = message.type <= NLMSG.done ? null : parse(message);
        if (item !== null) found.push(item);
      }
    }
    if (isInterrupted && !this.isTolerant) {
      throw new InterruptedDump(`Cannot read ${this.#name}: they change all the time`);
    }
    return found;
  }

  #isLast({ type, flags, body }: Message): boolean {
    if (type === NLMSG.noop) return false;
    if (type !== NLMSG.error && type !== NLMSG.done) return (flags & NLM_F_MULTI) === 0;
    // Both begin with an errno, negative, or 0.
    const errno = body.byteLength < 4 ? 0 : -body.getInt32(0, IS_LITTLE_ENDIAN);
    if (errno > 0) throw this.#libc.error(`read ${this.#name}`, "recv", errno);
    return true;
  }

  /** The messages of the next datagram that answer the request. Others may send to our socket, too. */
  #receive(): Message[] {
    const datagram = this.#receiveFromKernel();
    const messages = messagesIn(datagram);
    if (messages.includes(null)) throw this.#protocolError();
    return messages.filter((message) => message?.sequence === this.#sequence) as Message[];
  }

  #receiveFromKernel(): Uint8Array {
    while (true) {
      const received = this.#attempt();
      if (received === null) throw this.#protocolError();
      if (received.sender !== 0) continue;
      // It is not cut off by the kernel either, which gives an object that does not fit an error of its own.
      if (received.length > this.#buffer.length) throw this.#protocolError();
      return this.#buffer.subarray(0, received.length);
    }
  }

  /** @returns null: there is nothing */
  #attempt(): { length: number; sender: number } | null {
    while (true) {
      try {
        return this.#libc.receiveFrom(`read ${this.#name}`, this.#fd, this.#buffer);
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
        if (error.errno === constants.errno.ENOBUFS) throw new InterruptedDump(error.message);
        if (error.errno !== constants.errno.EINTR) throw error;
      }
    }
  }

  #protocolError(): SysError {
    return this.#libc.error(`read ${this.#name}`, "recv", constants.errno.EPROTO);
  }
}

/**
 * Asks the kernel, again if it was interrupted: each time by a new socket, as there may be more of the old answer.
 *
 * @param name what for
 * @param isTolerant whether the last try takes what it gets, as others may change all the time what was not asked for
 * @throws {SysError}
 * @throws {InterruptedDump} each time
 */
export function askKernel<T>(
  libc: Libc,
  protocol: number,
  name: string,
  work: (asker: Asker) => T,
  isTolerant = false,
): T {
  for (let left = TRIES;; left--) {
    try {
      return use(
        new DisposableStack(),
        (resources) => work(new Asker(libc, protocol, name, isTolerant && left === 1, resources)),
      );
    } catch (error) {
      if (!(error instanceof InterruptedDump) || left === 1) throw error;
    }
  }
}
