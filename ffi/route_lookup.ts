import { constants } from "node:os";
import type { Route, RouteQuery } from "../lib/ports.ts";
import { parseIpv4 } from "../lib/ipv4.ts";
import { AF_INET, AF_NETLINK, IS_LITTLE_ENDIAN, NETLINK_ROUTE, openNetlink } from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { findAddress, type Message, messagesIn } from "./netlink_messages.ts";

const NLM_F_REQUEST = 1;
const NLMSG_ERROR = 2;
const NLM_F_DUMP = 0x300;
const RTM = { newLink: 16, getLink: 18, newRoute: 24, getRoute: 26, newRule: 32, getRule: 34 } as const;
/** Bytes of struct nlmsghdr, struct ifinfomsg, struct rtmsg, struct fib_rule_hdr, and struct nlattr. */
const HEADER = 16;
const LINK_HEADER = 16;
const ROUTE_HEADER = 12;
const RULE_HEADER = 12;
const ATTRIBUTE_HEADER = 4;
/** Offsets in struct ifinfomsg, and its flags. */
const LINK_INDEX = 4;
const LINK_FLAGS = 8;
const IFF_POINTOPOINT = 0x10;
const IFF_NOARP = 0x80;
const IFLA_IFNAME = 3;
/** Offset in struct rtmsg, and the flag there that asks for the route itself, which fails where there is none. */
const RTM_FLAGS = 8;
const RTM_F_FIB_MATCH = 0x2000;
const RTA = { dst: 1, src: 2, oif: 4, prefsrc: 7, mark: 16 } as const;

/** Offset in struct fib_rule_hdr of the length of the network that sources must be in. */
const RULE_SOURCE_LENGTH = 2;
const FRA_SRC = 2;

/** What it is opened for, in words that follow "ask for". */
const NAME = "routes";
const ACTION = `ask for ${NAME}`;
/** Longer than any answer; the kernel's dumps come in parts of at most 32 KiB. */
const ANSWER_LENGTH = 64 * 1024;

type Attribute = readonly [type: number, value: Uint8Array];

/** An answer of the kernel: a message, or the number of an error. */
type Answer = Message | number;

/** Asks the kernel of one network namespace how it would send, as `ip route get` does. */
export class RouteLookup {
  readonly #libc: Libc;
  readonly #socket: number;

  /** @param resources closes it @throws {SysError} */
  constructor(resources: DisposableStack) {
    this.#libc = resources.use(new Libc());
    this.#socket = openNetlink(this.#libc, NAME, NETLINK_ROUTE, 0, resources);
  }

  /**
   * Finds a route. Of a device that has none, the kernel says that every host is its neighbour. That counts only where
   * there are no neighbours to ask for: on devices like PPP.
   *
   * @returns null when there is no route, or no such device or source address
   * @throws {SysError} when the kernel cannot be asked
   */
  find({ destination, source, device, mark }: RouteQuery): Route | null {
    const link = device === null ? null : readLink(this.#ask(linkRequest(device)));
    if (device !== null && link === null) return null;
    const attributes: Attribute[] = [
      [RTA.dst, addressBytes(destination)],
      ...source === null ? [] : [[RTA.src, addressBytes(source)] as const],
      ...link === null ? [] : [[RTA.oif, wordBytes(link.index)] as const],
      ...mark === 0 ? [] : [[RTA.mark, wordBytes(mark)] as const],
    ];
    const exists = typeof this.#ask(routeRequest(attributes, RTM_F_FIB_MATCH)) !== "number";
    if (!exists && !link?.isDirect) return null;
    const answer = this.#ask(routeRequest(attributes, 0));
    if (typeof answer === "number" || answer.type !== RTM.newRoute) return null;
    return { source: source ?? findAddress(answer.body, ROUTE_HEADER, RTA.prefsrc) };
  }

  /** Whether some routing rule asks for this source address. A kernel without rules has none. @throws {SysError} */
  hasRuleFor(source: string): boolean {
    const header = new Uint8Array(RULE_HEADER);
    header[0] = AF_INET;
    const address = parseIpv4(source)!;
    this.#send(makeRequest(RTM.getRule, header, [], NLM_F_REQUEST | NLM_F_DUMP));
    let [found, isDone] = [false, false];
    while (!isDone) {
      for (const message of messagesIn(this.#receive())) {
        if (message === null || message.type !== RTM.newRule) isDone = true;
        else if (isRuleFor(message.body, address)) found = true;
      }
    }
    return found;
  }

  /** Sends a request and reads its answer. */
  #ask(request: Uint8Array<ArrayBuffer>): Answer {
    this.#send(request);
    const message = messagesIn(this.#receive()).next().value ?? null;
    if (message === null) throw this.#libc.error(ACTION, "recv", constants.errno.EPROTO);
    if (message.type !== NLMSG_ERROR) return message;
    return message.body.byteLength < 4 ? constants.errno.EPROTO : -message.body.getInt32(0, IS_LITTLE_ENDIAN);
  }

  #send(request: Uint8Array<ArrayBuffer>): void {
    const kernel = new Uint8Array(12); // struct sockaddr_nl, its family only
    new DataView(kernel.buffer).setUint16(0, AF_NETLINK, IS_LITTLE_ENDIAN);
    const { symbols } = this.#libc;
    const sent = symbols.sendto(this.#socket, request, BigInt(request.length), 0, kernel, kernel.length);
    this.#libc.check(ACTION, "sendto", sent);
  }

  /** Receives what is there at once, as the kernel answers while it is asked. */
  #receive(): Uint8Array {
    const answer = new Uint8Array(ANSWER_LENGTH);
    const length = this.#libc.receive(ACTION, this.#socket, answer);
    if (length === null) throw this.#libc.error(ACTION, "recv", constants.errno.EPROTO);
    return answer.subarray(0, length);
  }
}

/** Whether some routing rule asks for this source address; see `RouteLookup`. @throws {SysError} */
export function hasRuleFor(source: string): boolean {
  using resources = new DisposableStack();
  return new RouteLookup(resources).hasRuleFor(source);
}

/** Finds one route; see `RouteLookup`. @throws {SysError} when the kernel cannot be asked */
export function findRoute(query: RouteQuery): Route | null {
  using resources = new DisposableStack();
  return new RouteLookup(resources).find(query);
}

/** Reads the answer to a request for a device. @returns null: there is none, or it cannot be read */
export function readLink(answer: Answer): { readonly index: number; readonly isDirect: boolean } | null {
  if (typeof answer === "number" || answer.type !== RTM.newLink || answer.body.byteLength < LINK_HEADER) {
    return null;
  }
  const flags = answer.body.getUint32(LINK_FLAGS, IS_LITTLE_ENDIAN);
  return {
    index: answer.body.getInt32(LINK_INDEX, IS_LITTLE_ENDIAN),
    isDirect: (flags & (IFF_POINTOPOINT | IFF_NOARP)) !== 0,
  };
}

/** Whether a routing rule asks for a source address. @param body of the message about it @param address as a number */
export function isRuleFor(body: DataView, address: number): boolean {
  const length = body.byteLength < RULE_HEADER ? 0 : body.getUint8(RULE_SOURCE_LENGTH);
  const source = findAddress(body, RULE_HEADER, FRA_SRC);
  return length > 0 && length <= 32 && source !== null &&
    (address ^ parseIpv4(source)!) >>> (32 - length) === 0;
}

function linkRequest(device: string): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(`${device}\0`);
  return makeRequest(RTM.getLink, new Uint8Array(LINK_HEADER), [[IFLA_IFNAME, name]]);
}

function routeRequest(attributes: readonly Attribute[], flags: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(ROUTE_HEADER);
  const hasSource = attributes.some(([type]) => type === RTA.src);
  header.set([AF_INET, 32, hasSource ? 32 : 0]); // prefix lengths of destination and source
  new DataView(header.buffer).setUint32(RTM_FLAGS, flags, IS_LITTLE_ENDIAN);
  return makeRequest(RTM.getRoute, header, attributes);
}

function makeRequest(
  type: number,
  header: Uint8Array,
  attributes: readonly Attribute[],
  flags = NLM_F_REQUEST,
): Uint8Array<ArrayBuffer> {
  const lengths = attributes.map(([, value]) => align(ATTRIBUTE_HEADER + value.length));
  const request = new Uint8Array(HEADER + header.length + lengths.reduce((sum, length) => sum + length, 0));
  const view = new DataView(request.buffer);
  view.setUint32(0, request.length, IS_LITTLE_ENDIAN);
  view.setUint16(4, type, IS_LITTLE_ENDIAN);
  view.setUint16(6, flags, IS_LITTLE_ENDIAN);
  request.set(header, HEADER);
  let offset = HEADER + header.length;
  for (const [index, [attribute, value]] of attributes.entries()) {
    view.setUint16(offset, ATTRIBUTE_HEADER + value.length, IS_LITTLE_ENDIAN);
    view.setUint16(offset + 2, attribute, IS_LITTLE_ENDIAN);
    request.set(value, offset + ATTRIBUTE_HEADER);
    offset += lengths[index]!;
  }
  return request;
}

function addressBytes(ip: string): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, parseIpv4(ip)!);
  return bytes;
}

function wordBytes(word: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, word, IS_LITTLE_ENDIAN);
  return bytes;
}

function align(length: number): number {
  return Math.ceil(length / 4) * 4;
}
