import { constants } from "node:os";
import type { KernelWriter, TransactionRefusal } from "../lib/kernel_ports.ts";
import { type ElementsRequest, NO_FOU, type ObjectRequest } from "../lib/requests.ts";
import {
  NETLINK,
  openNetlink,
  sendToKernel,
  setIntOption,
  SO_RCVBUFFORCE,
  SOL_NETLINK,
  SOL_SOCKET,
} from "./descriptors.ts";
import { familyRequest, fouChange, parseFamily } from "./fou_messages.ts";
import { Libc } from "./libc.ts";
import { parseLinkAnswer } from "./link_answers.ts";
import { type Answer, readAnswers } from "./netlink_answers.ts";
import { type Message, messagesIn } from "./netlink_messages.ts";
import { linkRequest } from "./netlink_requests.ts";
import { encodeBatch } from "./nft_batch.ts";
import { addressChange, linkChange, localRouteChange, newLink, routeChange } from "./object_requests.ts";
import { SysError } from "./sys_error.ts";

/** What it is opened for, in words that follow "ask for". */
const NAME = "changes of the kernel";
const SO_SNDBUFFORCE = 32;
/** Answers come without the request that they are for, and with a message where the kernel has one. */
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
/** Bytes for answers that wait: one for each request that was refused. More of them count as unknown. */
const ROOM = 1024 * 1024;
/** Bytes that the kernel adds to each batch when it counts. */
const OVERHEAD = 4096;
const ANSWER_LENGTH = 64 * 1024;
const SEQUENCES = 2 ** 32;

/** The kernel's answer to something that a request needs: it cannot be sent. */
class Missing extends Error {}

/**
 * Changes the kernel by netlink, in the network namespace that it was opened in. The kernel answers while it is asked, so
 * each call returns with what came of it.
 */
export class NetlinkWriter implements KernelWriter {
  readonly #resources = new DisposableStack();
  readonly #libc: Libc;
  /** By protocol. A kernel may lack one: then what needs it fails, and a client does without nfnetlink. */
  readonly #sockets = new Map<number, number>();
  /** Of the latest answer. */
  readonly #buffer = new Uint8Array(ANSWER_LENGTH);
  #sequence = 1;
  /** Bytes that a batch may have. */
  #longestBatch = 0;

  /** @throws {IpipouError} when the C library cannot be loaded */
  constructor() {
    this.#libc = this.#resources.use(new Libc());
    for (const protocol of Object.values(NETLINK)) {
      try {
        this.#socket(protocol);
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
      }
    }
  }

  change(request: ObjectRequest): string | null {
    try {
      const sequence = this.#nextSequence();
      const indexOf = (device: string) => this.#findIndex(device);
      switch (request.kind) {
        case "new link":
          return this.#tell(NETLINK.route, newLink(request, indexOf, sequence), sequence);
        case "route":
          return this.#tell(NETLINK.route, routeChange(request, indexOf, sequence), sequence);
        case "link":
          return this.#tell(NETLINK.route, linkChange(request, indexOf, sequence), sequence);
        case "address":
          return this.#tell(NETLINK.route, addressChange(request, indexOf, sequence), sequence);
        case "local route":
          return this.#tell(NETLINK.route, localRouteChange(request, indexOf, sequence), sequence);
        case "fou": {
          const message = fouChange(request, this.#findFouFamily(), indexOf, sequence);
          return this.#tell(NETLINK.generic, message, sequence);
        }
      }
    } catch (error) {
      if (error instanceof Missing) return error.message;
      throw error;
    }
  }

  transact(requests: readonly ElementsRequest[]): TransactionRefusal[] {
    const first = this.#sequence;
    const batch = encodeBatch(requests, first);
    const last = first + batch.requests.size;
    this.#sequence = last + 2;
    this.#makeRoom(batch.bytes.length);
    const answers = this.#ask(NETLINK.netfilter, batch.bytes, readAnswers);
    const refused = answers.filter(({ sequence, errno }) =>
      errno !== 0 && sequence >= first && sequence <= last
    );
    const isDone = answers.some(({ sequence, errno }) => sequence === last && errno === 0);
    if (refused.length === 0 && !isDone) throw this.#noAnswer();
    return refused.map((answer) => ({
      index: batch.requests.get(answer.sequence) ?? null,
      said: this.#describe(answer),
    }));
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  #tell(protocol: number, message: Uint8Array<ArrayBuffer>, sequence: number): string | null {
    const answer = this.#ask(protocol, message, readAnswers).find((answer) => answer.sequence === sequence);
    if (answer === undefined) throw this.#noAnswer();
    return answer.errno === 0 ? null : this.#describe(answer);
  }

  #findIndex(device: string): number {
    const link = this.#find(NETLINK.route, linkRequest(device), parseLinkAnswer);
    if (link === null) throw new Missing(`Cannot find device "${device}"`);
    return link.index;
  }

  /** Its number is asked for anew: a module that is loaded again gets another one. */
  #findFouFamily(): number {
    const family = this.#find(NETLINK.generic, familyRequest(), parseFamily);
    if (family === null) throw new Missing(NO_FOU);
    return family;
  }

  /** Asks for one thing. @returns what was read of the answer; null: there is none */
  #find<T>(
    protocol: number,
    request: Uint8Array<ArrayBuffer>,
    parse: (message: Message) => T | null,
  ): T | null {
    const read = (datagram: Uint8Array) =>
      [...messagesIn(datagram)].map((message) => message && parse(message));
    const [found = null] = this.#ask(protocol, request, read);
    return found;
  }

  /**
   * Sends messages, and reads all that the kernel answered.
   *
   * @throws {SysError} when they cannot be sent, or some of the answer is lost
   */
  #ask<T>(
    protocol: number,
    messages: Uint8Array<ArrayBuffer>,
    read: (datagram: Uint8Array) => readonly T[],
  ): T[] {
    const fd = this.#socket(protocol);
    sendToKernel(this.#libc, `ask for ${NAME}`, fd, messages);
    const answers: T[] = [];
    let lost: unknown = null;
    while (true) {
      try {
        const length = this.#libc.receive(`read the answer to ${NAME}`, fd, this.#buffer);
        if (length === null) break;
        answers.push(...read(this.#buffer.subarray(0, length)));
      } catch (error) {
        // What is left in the socket must not pass for the answer to the next request.
        if (lost !== null) throw error;
        lost = error;
      }
    }
    if (lost !== null) throw lost;
    return answers;
  }

  /** Has the kernel take a batch of this length, as far as we may. */
  #makeRoom(length: number): void {
    if (length + OVERHEAD <= this.#longestBatch) return;
    this.#longestBatch = length + OVERHEAD;
    setIntOption(this.#libc, this.#socket(NETLINK.netfilter), SOL_SOCKET, SO_SNDBUFFORCE, this.#longestBatch);
  }

  /** @throws {SysError} */
  #socket(protocol: number): number {
    const known = this.#sockets.get(protocol);
    if (known !== undefined) return known;
    const libc = this.#libc;
    const fd = openNetlink(libc, NAME, protocol, 0, this.#resources);
    // Without the privilege there is less room. Answers without their message are as good.
    setIntOption(libc, fd, SOL_SOCKET, SO_RCVBUFFORCE, ROOM);
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) setIntOption(libc, fd, SOL_NETLINK, option, 1);
    this.#sockets.set(protocol, fd);
    return fd;
  }

  #describe({ errno, message }: Answer): string {
    return message ?? this.#libc.describe(errno);
  }

  #nextSequence(): number {
    return this.#sequence = (this.#sequence + 1) % SEQUENCES;
  }

  #noAnswer(): Error {
    return this.#libc.error(`read the answer to ${NAME}`, "recv", constants.errno.EPROTO);
  }
}
