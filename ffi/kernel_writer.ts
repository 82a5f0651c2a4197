import { constants } from "node:os";
import type { KernelWriter, TransactionRefusal } from "../lib/kernel_ports.ts";
import { type ElementsRequest, NO_FOU, type ObjectRequest } from "../lib/requests.ts";
import {
  connectToKernel,
  NETLINK,
  openNetlink,
  sendToKernel,
  setIntOption,
  SO_RCVBUFFORCE,
  SOL_NETLINK,
  SOL_SOCKET,
} from "./descriptors.ts";
import { DatagramBatch } from "./datagram_batch.ts";
import { familyRequest, fouChange, parseFamily } from "./fou_messages.ts";
import { Libc } from "./libc.ts";
import { parseLinkAnswer } from "./link_answers.ts";
import { type Answer, readAnswers } from "./netlink_answers.ts";
import { type Message, messagesIn } from "./netlink_messages.ts";
import { joined } from "./netlink_encoding.ts";
import { linkRequest } from "./netlink_requests.ts";
import { Sequences } from "./netlink_sequences.ts";
import { encodeBatch } from "./nft_batch.ts";
import { addressChange, linkChange, localRouteChange, newLink, routeChange } from "./object_requests.ts";
import { SysError } from "./sys_error.ts";

/** What it is opened for, in words that follow "ask for". */
const NAME = "changes of the kernel";
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
/** Answers come without the request that they are for, and with a message where the kernel has one. */
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
/** Bytes for answers that wait: one for each request that was refused. More of them count as unknown. */
const ROOM = 1024 * 1024;
/** Bytes that the kernel adds to each batch when it counts. */
const OVERHEAD = 4096;
const ANSWER_LENGTH = 64 * 1024;
/** Changes that are sent together, so that the answers to all of them have room. */
const MOST_CHANGES = 64;
/** Answers that are read together, and the bytes of the longest: an errno and what the kernel says of it. */
const MOST_ANSWERS = 16;
const LONGEST_ANSWER = 4096;

/** A change on its way to the kernel. */
interface Change {
  /** Its index in what was asked for. */
  readonly at: number;
  readonly protocol: number;
  readonly sequence: number;
  readonly message: Uint8Array<ArrayBuffer>;
}

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
  readonly #answers = new DatagramBatch(MOST_ANSWERS, LONGEST_ANSWER);
  readonly #sequences: Sequences;
  /** Bytes that a batch may have. */
  #longestBatch = 0;

  /** @param sequences numbers its requests @throws {IpipouError} when the C library cannot be loaded */
  constructor(sequences = new Sequences()) {
    this.#sequences = sequences;
    this.#libc = this.#resources.use(new Libc());
    for (const protocol of Object.values(NETLINK)) {
      try {
        this.#socket(protocol);
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
      }
    }
  }

  change(requests: readonly ObjectRequest[]): (string | null)[] {
    const said: (string | null)[] = requests.map(() => null);
    const indexes = new Map<string, number>();
    let batch: Change[] = [];
    const send = () => {
      if (batch.length > 0) this.#tell(batch, said);
      batch = [];
    };
    const indexOf = (device: string) => {
      const known = indexes.get(device);
      if (known !== undefined) return known;
      // It may be one that they make.
      send();
      const index = this.#findIndex(device);
      indexes.set(device, index);
      return index;
    };
    for (const [at, request] of requests.entries()) {
      const protocol = request.kind === "fou" ? NETLINK.generic : NETLINK.route;
      if (batch.length === MOST_CHANGES || batch.some((change) => change.protocol !== protocol)) send();
      try {
        const sequence = this.#sequences.take(1);
        const message = this.#encode(request, sequence, indexOf);
        batch.push({ at, protocol, sequence, message });
      } catch (error) {
        if (!(error instanceof Missing)) throw error;
        said[at] = error.message;
      }
    }
    send();
    return said;
  }

  transact(requests: readonly ElementsRequest[]): TransactionRefusal[] {
    const batch = encodeBatch(requests, this.#sequences);
    const { first, last } = batch;
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

  #encode(
    request: ObjectRequest,
    sequence: number,
    indexOf: (device: string) => number,
  ): Uint8Array<ArrayBuffer> {
    switch (request.kind) {
      case "new link":
        return newLink(request, indexOf, sequence);
      case "route":
        return routeChange(request, indexOf, sequence);
      case "link":
        return linkChange(request, indexOf, sequence);
      case "address":
        return addressChange(request, indexOf, sequence);
      case "local route":
        return localRouteChange(request, indexOf, sequence);
      case "fou":
        return fouChange(request, this.#findFouFamily(), indexOf, sequence);
    }
  }

  /** Sends changes, and reads the answer to each. @param said gets why the kernel refused it */
  #tell(changes: readonly Change[], said: (string | null)[]): void {
    const fd = this.#socket(changes[0]!.protocol);
    sendToKernel(this.#libc, `ask for ${NAME}`, fd, joined(changes.map(({ message }) => message)));
    const waiting = new Map(changes.map(({ at, sequence }) => [sequence, at]));
    while (waiting.size > 0) {
      const answers = this.#answers.receiveAnswers(this.#libc, `read the answer to ${NAME}`, fd)
        .flatMap(readAnswers);
      if (answers.length === 0) throw this.#noAnswer();
      for (const answer of answers) {
        const at = waiting.get(answer.sequence);
        if (at === undefined) continue;
        waiting.delete(answer.sequence);
        if (answer.errno !== 0) said[at] = this.#describe(answer);
      }
    }
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
    const read = (datagram: Uint8Array) => messagesIn(datagram).map((message) => message && parse(message));
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
    const set = (option: number) =>
      setIntOption(this.#libc, this.#socket(NETLINK.netfilter), SOL_SOCKET, option, this.#longestBatch);
    // Without the privilege as much as the host allows everybody.
    if (set(SO_SNDBUFFORCE) < 0) set(SO_SNDBUF);
  }

  /** @throws {SysError} */
  #socket(protocol: number): number {
    const known = this.#sockets.get(protocol);
    if (known !== undefined) return known;
    const libc = this.#libc;
    const fd = openNetlink(libc, NAME, protocol, 0, this.#resources);
    connectToKernel(libc, `ask for ${NAME}`, fd);
    // Without the privilege there is less room. Answers without their message are as good.
    setIntOption(libc, fd, SOL_SOCKET, SO_RCVBUFFORCE, ROOM);
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) setIntOption(libc, fd, SOL_NETLINK, option, 1);
    this.#sockets.set(protocol, fd);
    return fd;
  }

  #describe({ errno, message }: Answer): string {
    return message ?? this.#libc.describe(errno);
  }

  #noAnswer(): Error {
    return this.#libc.error(`read the answer to ${NAME}`, "recv", constants.errno.EPROTO);
  }
}
