import { constants } from "node:os";
import { parseIpv4 } from "../lib/ipv4.ts";
import type { FoundRoute, RouteQuery, Routes, TrafficCounts, Way } from "../lib/kernel_ports.ts";
import { DatagramBatch } from "./datagram_batch.ts";
import {
  connectToKernel,
  NETLINK,
  openNetlink,
  sendToKernel,
  setIntOption,
  SO_RCVBUFFORCE,
  SOL_SOCKET,
} from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { parseCounts } from "./netlink_counts.ts";
import { parseLinkAnswer } from "./link_answers.ts";
import { joined } from "./netlink_encoding.ts";
import { type Message, messagesIn } from "./netlink_messages.ts";
import {
  linkRequest,
  linksRequest,
  type RouteRequest,
  routeRequest,
  rulesRequest,
  tableRequest,
} from "./netlink_requests.ts";
import {
  isRuleFor,
  isRuleForMark,
  parseFoundRoute,
  parseRouteAnswer,
  type RouteAnswer,
} from "./route_answers.ts";
import { RTM } from "./rtnetlink.ts";
import type { SysError } from "./sys_error.ts";

/** What it is opened for, in words that follow "ask for". */
const NAME = "the kernel's routes";
/** Longer than any answer; the kernel's dumps come in parts of at most 32 KiB. */
const ANSWER_LENGTH = 64 * 1024;
/** Requests that are sent together, so that the answers to all of them have room. */
const MOST_REQUESTS = 64;
/** Bytes of that room. A host may give its sockets less than a quarter of it, and so too little. */
const ROOM = 256 * 1024;
/** Answers that are read together, and bytes of the longest: a route may have many next hops, of which none matters. */
const MOST_ANSWERS = 16;
const LONGEST_ANSWER = 4096;

/** Asks the kernel for routes and counts, in the network namespace it was opened in. The kernel answers while it is asked. */
export class NetlinkRoutes implements Routes {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #resources: DisposableStack;
  readonly #buffer = new Uint8Array(ANSWER_LENGTH);
  readonly #answers = new DatagramBatch(MOST_ANSWERS, LONGEST_ANSWER);

  /** @throws {SysError} */
  constructor() {
    using resources = new DisposableStack();
    this.#libc = resources.use(new Libc());
    this.#fd = openNetlink(this.#libc, NAME, NETLINK.route, 0, resources);
    connectToKernel(this.#libc, `ask for ${NAME}`, this.#fd);
    // Without the privilege it stays what the host gives.
    setIntOption(this.#libc, this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, ROOM);
    this.#resources = resources.move();
  }

  findCounts(device: string): TrafficCounts | null {
    return parseCounts(this.#ask(linkRequest(device)));
  }

  findWays(
    destinations: readonly string[],
    source: string,
    device: number | null,
    mark: number,
  ): (Way | null)[] {
    const requests = destinations.map((destination) => ({ destination, source, device, mark }));
    const listed = this.#findListed(requests);
    return requests.map((request, at) => {
      const { index, mtu } = listed[at] ?? { index: 0, mtu: null };
      if (index > 0) return { index, mtu, isListed: true };
      // It leads there by several devices, or there is none.
      const way = this.#findRouteTo(request);
      return way === null ? null : { index: way.index, mtu, isListed: listed[at] !== null };
    });
  }

  findRoute(destination: string): FoundRoute | null {
    return parseFoundRoute(this.#ask(tableRequest({ destination, source: null, device: null, mark: 0 })));
  }

  findSource(query: RouteQuery): string | null {
    return this.#findRouteBy(query)?.source ?? null;
  }

  /** The number of a device; null: there is no such device. @throws {SysError} */
  findIndex(device: string): number | null {
    return parseLinkAnswer(this.#ask(linkRequest(device)))?.index ?? null;
  }

  /**
   * Whether there is a route from an own address; not so where there is no such device or address.
   *
   * @param query its device is the number of the one that packets are bound to; null: none
   * @throws {SysError}
   */
  hasRoute(query: RouteRequest & { readonly source: string }): boolean {
    if (this.#findListed([query])[0] !== null) return true;
    if (query.device === null) return false;
    const link = parseLinkAnswer(this.#ask(linksRequest(query.device)));
    return link !== null && link.isDirect && this.#findRouteTo(query) !== null;
  }

  hasRuleFor(source: string): boolean {
    const address = parseIpv4(source)!;
    return this.#hasRule((body) => isRuleFor(body, address));
  }

  hasRuleForMark(mark: number): boolean {
    return this.#hasRule((body) => isRuleForMark(body, mark));
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  #hasRule(isMeant: (body: DataView) => boolean): boolean {
    this.#send(rulesRequest());
    let [found, isDone] = [false, false];
    while (!isDone) {
      for (const message of this.#receive()) {
        if (message?.type !== RTM.newRule) isDone = true;
        else if (isMeant(message.body)) found = true;
      }
    }
    return found;
  }

  /**
   * Finds the route by a device. Of one that has none, the kernel says that every host is its neighbour. That counts
   * only where there are no neighbours to ask for: on devices like PPP.
   */
  #findRouteBy(query: RouteQuery): RouteAnswer | null {
    const link = query.device === null ? null : parseLinkAnswer(this.#ask(linkRequest(query.device)));
    if (query.device !== null && link === null) return null;
    const request = { ...query, source: null, device: link?.index ?? null };
    if (this.#findListed([request])[0] === null && !link?.isDirect) return null;
    return this.#findRouteTo(request);
  }

  /**
   * Routes as they are in their tables, without what was learned of the path; null: there is none. Their device is 0 if
   * they have several. Few requests ask for many.
   */
  #findListed(requests: readonly RouteRequest[]): (RouteAnswer | null)[] {
    const answers: (RouteAnswer | null)[] = requests.map(() => null);
    for (let first = 0; first < requests.length; first += MOST_REQUESTS) {
      const part = requests.slice(first, first + MOST_REQUESTS);
      this.#send(joined(part.map((request, at) => tableRequest(request, first + at))));
      let left = part.length;
      do {
        const messages = this.#answers.receiveAnswers(this.#libc, `read ${NAME}`, this.#fd)
          .flatMap(messagesIn);
        if (messages.length === 0) throw this.#noAnswer();
        left -= messages.length;
        for (const message of messages) {
          if (message !== null) answers[message.sequence] = parseRouteAnswer(message);
        }
      } while (left > 0);
    }
    return answers;
  }

  #findRouteTo(request: RouteRequest): RouteAnswer | null {
    return parseRouteAnswer(this.#ask(routeRequest(request)));
  }

  /** Sends a request. @returns the first message of the answer, until the next request */
  #ask(request: Uint8Array<ArrayBuffer>): Message {
    this.#send(request);
    const [message = null] = this.#receive();
    if (message === null) throw this.#noAnswer();
    return message;
  }

  #send(request: Uint8Array<ArrayBuffer>): void {
    sendToKernel(this.#libc, `ask for ${NAME}`, this.#fd, request);
  }

  #receive(): readonly (Message | null)[] {
    const length = this.#libc.receive(`read ${NAME}`, this.#fd, this.#buffer);
    if (length === null) throw this.#noAnswer();
    return messagesIn(this.#buffer.subarray(0, length));
  }

  #noAnswer(): SysError {
    return this.#libc.error(`read ${NAME}`, "recv", constants.errno.EPROTO);
  }
}
