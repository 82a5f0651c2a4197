import { parseIpv4 } from "../lib/ipv4.ts";
import { AF_INET, IS_LITTLE_ENDIAN } from "./descriptors.ts";
import {
  align,
  ATTRIBUTE_HEADER,
  HEADER,
  IFLA_IFNAME,
  LINK_HEADER,
  ROUTE_HEADER,
  RTA,
  RULE_HEADER,
} from "./netlink_messages.ts";

const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const RTM = { getLink: 18, getRoute: 26, getRule: 34 } as const;
/** Offset in struct rtmsg, and the flag there that asks for a route as it is in the table. */
const RTM_FLAGS = 8;
const RTM_F_FIB_MATCH = 0x2000;

type Attribute = readonly [type: number, value: Uint8Array];

/** What to find a route for. */
interface RouteRequest {
  /** IPv4 address. */
  readonly destination: string;
  /** Own IPv4 address; null: the kernel chooses one. */
  readonly source: string | null;
  /** Number of the device that packets are bound to; null: none. */
  readonly device: number | null;
  /** Their firewall mark; 0: none. */
  readonly mark: number;
}

/**
 * Encodes a netlink request.
 *
 * @param type of the message
 * @param header what follows struct nlmsghdr; a multiple of 4 bytes
 * @param flags of struct nlmsghdr besides NLM_F_REQUEST
 */
export function makeRequest(
  type: number,
  header: Uint8Array,
  attributes: readonly Attribute[],
  flags = 0,
): Uint8Array<ArrayBuffer> {
  const lengths = attributes.map(([, value]) => align(ATTRIBUTE_HEADER + value.length));
  const request = new Uint8Array(HEADER + header.length + lengths.reduce((sum, length) => sum + length, 0));
  const view = new DataView(request.buffer);
  view.setUint32(0, request.length, IS_LITTLE_ENDIAN);
  view.setUint16(4, type, IS_LITTLE_ENDIAN);
  view.setUint16(6, NLM_F_REQUEST | flags, IS_LITTLE_ENDIAN);
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

/** Asks for a device by its name. */
export function linkRequest(device: string): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(`${device}\0`);
  return makeRequest(RTM.getLink, new Uint8Array(LINK_HEADER), [[IFLA_IFNAME, name]]);
}

/** Asks for the route that the kernel would send by, with what it has learned of the path. */
export function routeRequest(request: RouteRequest): Uint8Array<ArrayBuffer> {
  return makeRouteRequest(request, 0);
}

/** Asks for a route as it is in the table; fails where there is none. */
export function tableRequest(request: RouteRequest): Uint8Array<ArrayBuffer> {
  return makeRouteRequest(request, RTM_F_FIB_MATCH);
}

/** Asks for all IPv4 routing rules. */
export function rulesRequest(): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(RULE_HEADER);
  header[0] = AF_INET;
  return makeRequest(RTM.getRule, header, [], NLM_F_DUMP);
}

/** Encodes a 32-bit number in network byte order. */
export function networkWord(word: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, word);
  return bytes;
}

function makeRouteRequest(
  { destination, source, device, mark }: RouteRequest,
  flags: number,
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(ROUTE_HEADER);
  header.set([AF_INET, 32, source === null ? 0 : 32]); // prefix lengths of destination and source
  new DataView(header.buffer).setUint32(RTM_FLAGS, flags, IS_LITTLE_ENDIAN);
  const attributes: Attribute[] = [[RTA.dst, addressBytes(destination)]];
  if (source !== null) attributes.push([RTA.src, addressBytes(source)]);
  if (device !== null) attributes.push([RTA.oif, hostWord(device)]);
  if (mark !== 0) attributes.push([RTA.mark, hostWord(mark)]);
  return makeRequest(RTM.getRoute, header, attributes);
}

function addressBytes(ip: string): Uint8Array {
  return networkWord(parseIpv4(ip)!);
}

function hostWord(word: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, word, IS_LITTLE_ENDIAN);
  return bytes;
}
