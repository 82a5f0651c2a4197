import { constants } from "node:os";
import { parseIpv4 } from "../lib/ipv4.ts";
import type { FoundRoute, RouteQuery, Routes, TrafficCounts, Way } from "../lib/kernel_ports.ts";
import { NETLINK, openNetlink, sendToKernel } from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { parseCounts } from "./netlink_counts.ts";
import { parseLinkAnswer } from "./link_answers.ts";
import { type Message, messagesIn } from "./netlink_messages.ts";
import { linkRequest, routeRequest, rulesRequest, tableRequest } from "./netlink_requests.ts";
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

/** Asks the kernel for routes and counts, in the network namespace it was opened in. The kernel answers while it is asked. */
export class NetlinkRoutes implements Routes {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #resources: DisposableStack;
  readonly #buffer = new Uint8Array(ANSWER_LENGTH);

  /** @throws {SysError} */
  constructor() {
    using resources = new DisposableStack();
    this.#libc = resources.use(new Libc());
    this.#fd = openNetlink(this.#libc, NAME, NETLINK.route, 0, resources);
    this.#resources = resources.move();
  }

  findCounts(device: string): TrafficCounts | null {
    return parseCounts(this.#ask(linkRequest(device)));
  }

  findWay(destination: string, source: string, device: number | null, mark: number): Way | null {
    const request = { destination, source, device, mark };
    const answer = parseRouteAnswer(this.#ask(routeRequest(request)));
    if (answer === null) return null;
    const { index, isLearned } = answer;
    const mtu = isLearned ? parseRouteAnswer(this.#ask(tableRequest(request)))?.mtu ?? null : answer.mtu;
    return { index, mtu };
  }

  findRoute(destination: string): FoundRoute | null {
    return parseFoundRoute(this.#ask(tableRequest({ destination, source: null, device: null, mark: 0 })));
  }

  findSource(query: RouteQuery): string | null {
    return this.#findRouteBy({ ...query, source: null })?.source ?? null;
  }

  /** Whether there is a route from an own address; not so where there is no such device or address. @throws {SysError} */
  hasRoute(query: RouteQuery & { readonly source: string }): boolean {
    return this.#findRouteBy(query) !== null;
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
  #findRouteBy(query: RouteQuery & { readonly source: string | null }): RouteAnswer | null {
    const link = query.device === null ? null : parseLinkAnswer(this.#ask(linkRequest(query.device)));
    if (query.device !== null && link === null) return null;
    const request = { ...query, device: link?.index ?? null };
    const exists = parseRouteAnswer(this.#ask(tableRequest(request))) !== null;
    if (!exists && !link?.isDirect) return null;
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

  #receive(): Iterable<Message | null> {
    const length = this.#libc.receive(`read ${NAME}`, this.#fd, this.#buffer);
    if (length === null) throw this.#noAnswer();
    return messagesIn(this.#buffer.subarray(0, length));
  }

  #noAnswer(): SysError {
    return this.#libc.error(`read ${NAME}`, "recv", constants.errno.EPROTO);
  }
}
