import { AF_INET, IS_LITTLE_ENDIAN } from "./descriptors.ts";
import { parseIpv4 } from "../lib/ipv4.ts";
import { NetlinkEncoder, NLM_F } from "./netlink_encoding.ts";
import { IFLA_IFNAME, LINK_HEADER, ROUTE_HEADER, RTA, RULE_HEADER } from "./netlink_messages.ts";

export type Attribute = readonly [type: number, value: Uint8Array];

const RTM = { getLink: 18, getRoute: 26, getRule: 34 } as const;
/** Offset in struct rtmsg, and the flag there that asks for a route as it is in the table. */
const RTM_FLAGS = 8;
const RTM_F_FIB_MATCH = 0x2000;

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
 * Encodes a netlink request whose answer is read before another one is sent.
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
  const encoder = new NetlinkEncoder();
  return encoder.message({ type, flags: NLM_F.request | flags, sequence: 0 }, header, () => {
    for (const [type, value] of attributes) encoder.attribute(type, () => encoder.raw(value));
  }).bytes;
}

/** Asks for a device by its name. */
export function linkRequest(device: string): Uint8Array<ArrayBuffer> {
  return makeRequest(RTM.getLink, new Uint8Array(LINK_HEADER), [[
    IFLA_IFNAME,
    new TextEncoder().encode(`${device}\0`),
  ]]);
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
  return makeRequest(RTM.getRule, header, [], NLM_F.dump);
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

/** Encodes a 32-bit number in network byte order. */
export function networkWord(word: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, word);
  return bytes;
}

function hostWord(word: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, word, IS_LITTLE_ENDIAN);
  return bytes;
}
