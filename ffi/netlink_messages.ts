import { parseIpv4 } from "../lib/ipv4.ts";
import { outerHeader } from "../lib/outer_header.ts";
import type { DeviceChange, KernelChange, TableChange, Way } from "../lib/ports.ts";
import { AF_INET, IS_LITTLE_ENDIAN } from "./descriptors.ts";

/** Bytes of struct nlmsghdr, and of the header after it in messages about links, addresses, routes, rules and nftables. */
export const HEADER = 16;
export const LINK_HEADER = 16; // struct ifinfomsg
const ADDRESS_HEADER = 8; // struct ifaddrmsg
export const ROUTE_HEADER = 12; // struct rtmsg
export const RULE_HEADER = 12; // struct fib_rule_hdr
const NFT_HEADER = 4; // struct nfgenmsg
/** Bytes of struct nlattr; messages and attributes begin at multiples of it. */
export const ATTRIBUTE_HEADER = 4;

export const NLMSG_ERROR = 2;

/** Types of what NETLINK_ROUTE tells. */
export const RTM = {
  newLink: 16,
  delLink: 17,
  newAddress: 20,
  delAddress: 21,
  newRoute: 24,
  delRoute: 25,
  newRule: 32,
  delRule: 33,
} as const;
/** Offsets in the headers of its messages. */
const LINK_INDEX = 4;
export const LINK_FLAGS = 8;
const ADDRESS_INDEX = 4;
const RTM_DST_LEN = 1;
const RTM_PROTOCOL = 5;
const RULE_SOURCE_LENGTH = 2;
export const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_INFO_DATA = 2; // in IFLA_LINKINFO
/** In IFLA_INFO_DATA. */
export const IPTUN = {
  link: 1,
  local: 2,
  remote: 3,
  ttl: 4,
  tos: 5,
  protocol: 9,
  pmtudisc: 10,
  encapType: 15,
  encapFlags: 16,
  encapSport: 17,
  encapDport: 18,
  fwmark: 20,
} as const;
export const IFF_UP = 1;
const IFF_POINTOPOINT = 0x10;
const IFF_NOARP = 0x80;
const IFA_LOCAL = 2;
export const RTA = { dst: 1, src: 2, oif: 4, prefsrc: 7, metrics: 8, cacheInfo: 12, mark: 16 } as const;
const RTAX_MTU = 2; // in RTA_METRICS
const RTA_EXPIRES = 8; // offset in struct rta_cacheinfo
const FRA_SRC = 2;

/** The high byte of the type of all nftables messages, and the low byte of the one that ends a transaction. */
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
/** The attribute with the table's name: the same number in messages of every kind (NFTA_RULE_TABLE, …). */
const NFTA_TABLE = 1;
/** The attribute with a chain's name in messages about chains and rules, new ones and deleted ones. */
const NFTA_CHAIN: Readonly<Record<number, number>> = { 3: 3, 5: 3, 6: 2, 8: 2 };
/** Messages about the table itself: NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE. */
const NFT_MSG_OF_TABLES: readonly number[] = [0, 2];
/** Messages about something that was removed, such as NFT_MSG_DELTABLE. */
const NFT_MSG_OF_REMOVALS: readonly number[] = [2, 5, 8, 11, 14, 20, 24];

const UNKNOWN: KernelChange = { kind: "unknown" };

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** What follows struct nlmsghdr. */
  readonly body: DataView;
}

/**
 * Reads a datagram of NETLINK_ROUTE.
 *
 * @returns one change for each message, "unknown" for what cannot be read; never empty
 */
export function parseRouteNews(datagram: Uint8Array): KernelChange[] {
  return Array.from(
    messagesIn(datagram),
    (message) => message === null ? UNKNOWN : parseRouteMessage(message),
  );
}

/** What a datagram of the nftables group says about one table. */
interface TableNews {
  /** One for each finished transaction that touched the table, and for each message that cannot be read. */
  readonly changes: readonly KernelChange[];
  /** What the unfinished transaction changed of the table so far; null: nothing. */
  readonly touched: TableChange | null;
}

/**
 * Reads a datagram of NETLINK_NETFILTER's group for nftables. A transaction may take several datagrams.
 *
 * @param table the name of a table of family ip, as `tableName()` encodes it
 * @param touched the result of the datagram before
 */
export function parseTableNews(
  datagram: Uint8Array,
  table: Uint8Array,
  touched: TableNews["touched"],
): TableNews {
  const changes: KernelChange[] = [];
  for (const message of messagesIn(datagram)) {
    switch (message === null ? "unreadable" : subjectOf(message, table)) {
      case "table":
        touched = add(message!, touched);
        break;
      case "end":
        if (touched !== null) changes.push(touched);
        touched = null;
        break;
      case "unreadable":
        changes.push(UNKNOWN);
    }
  }
  return { changes, touched };
}

function add(message: Message, before: TableChange | null): TableChange {
  const { chains, onlyRemoves } = before ?? { chains: [], onlyRemoves: true };
  return {
    kind: "table",
    chains: [...new Set([...chains, ...chainOf(message)])],
    onlyRemoves: onlyRemoves && NFT_MSG_OF_REMOVALS.includes(message.type & 0xff),
  };
}

/** The chain that a message about the table is about, "" for the table itself, or nothing. */
function chainOf({ type, body }: Message): string[] {
  const kind = type & 0xff;
  if (NFT_MSG_OF_TABLES.includes(kind)) return [""];
  const attribute = NFTA_CHAIN[kind];
  const name = attribute === undefined ? null : findText(body, NFT_HEADER, attribute);
  return name === null ? [] : [name];
}

/** The errno in a netlink answer, 0 for success; null: the message is no answer. */
export function parseAnswer(message: Uint8Array): number | null {
  const view = viewOf(message);
  if (message.length < HEADER + 4 || view.getUint16(4, IS_LITTLE_ENDIAN) !== NLMSG_ERROR) return null;
  return Math.abs(view.getInt32(HEADER, IS_LITTLE_ENDIAN)); // struct nlmsgerr begins with the errno, negative
}

/** Encodes a table's name as the kernel does. */
export function tableName(name: string): Uint8Array {
  return new TextEncoder().encode(`${name}\0`);
}

function parseRouteMessage({ type, body }: Message): KernelChange {
  switch (type) {
    case RTM.newLink:
    case RTM.delLink: {
      const name = findText(body, LINK_HEADER, IFLA_IFNAME);
      return name === null ? UNKNOWN : deviceChange(body, name, type === RTM.delLink);
    }
    case RTM.newAddress:
    case RTM.delAddress: {
      const ip = findAddress(body, ADDRESS_HEADER, IFA_LOCAL);
      if (ip === null) break;
      const index = body.getUint32(ADDRESS_INDEX, IS_LITTLE_ENDIAN);
      return { kind: "address", index, ip, isGone: type === RTM.delAddress };
    }
    case RTM.newRoute:
    case RTM.delRoute: {
      if (body.byteLength < ROUTE_HEADER || body.getUint8(RTM_DST_LEN) > 32) break;
      // The default route has no address.
      const network = `${findAddress(body, ROUTE_HEADER, RTA.dst) ?? "0.0.0.0"}/${
        body.getUint8(RTM_DST_LEN)
      }`;
      const protocol = body.getUint8(RTM_PROTOCOL);
      return { kind: "route", network, protocol, isGone: type === RTM.delRoute };
    }
    case RTM.newRule:
    case RTM.delRule:
      return { kind: "rule" };
  }
  return UNKNOWN;
}

function deviceChange(body: DataView, name: string, isGone: boolean): DeviceChange {
  return {
    kind: "device",
    index: body.getInt32(LINK_INDEX, IS_LITTLE_ENDIAN),
    name,
    isGone,
    isUp: (body.getUint32(LINK_FLAGS, IS_LITTLE_ENDIAN) & IFF_UP) !== 0,
    alias: findText(body, LINK_HEADER, IFLA_IFALIAS) ?? "",
    mtu: findNumber(body, LINK_HEADER, IFLA_MTU) ?? 0,
    outer: outerEnds(body),
  };
}

/** The outer endpoints and header of a FOU tunnel; "" for other devices. */
function outerEnds(body: DataView): string {
  const info = findAttribute(body, LINK_HEADER, IFLA_LINKINFO);
  const data = info && findAttribute(viewOf(info), 0, IFLA_INFO_DATA);
  if (!data) return "";
  const view = viewOf(data);
  const ends = ([["local", "encapSport"], ["remote", "encapDport"]] as const).map(([ip, port]) => {
    const bytes = findAttribute(view, 0, IPTUN[port]);
    return `${findAddress(view, 0, IPTUN[ip])}:${bytes?.length === 2 ? viewOf(bytes).getUint16(0) : null}`;
  });
  if (ends.some((end) => end.includes("null"))) return "";
  const byte = (type: number) => findAttribute(view, 0, type)?.[0] ?? 0;
  return [...ends, outerHeader(byte(IPTUN.ttl), byte(IPTUN.tos), byte(IPTUN.pmtudisc) !== 0)].join(" ");
}

/** What a message of the nftables group is about: the table, something else, or the end of the transaction. */
function subjectOf({ type, body }: Message, table: Uint8Array): "table" | "other" | "end" | "unreadable" {
  if (type >> 8 !== NFNL_SUBSYS_NFTABLES || body.byteLength < NFT_HEADER) return "unreadable";
  if ((type & 0xff) === NFT_MSG_NEWGEN) return "end";
  if (body.getUint8(0) !== AF_INET) return "other";
  const name = findAttribute(body, NFT_HEADER, NFTA_TABLE);
  if (name === null) return "unreadable";
  return name.length === table.length && name.every((byte, index) => byte === table[index])
    ? "table"
    : "other";
}

/** Yields the messages of a datagram, and null for a remainder that is no message. */
export function* messagesIn(datagram: Uint8Array): Generator<Message | null, void, void> {
  const { buffer, byteOffset, byteLength } = datagram;
  const view = new DataView(buffer, byteOffset, byteLength);
  let offset = 0;
  do {
    const length = offset + HEADER <= byteLength ? view.getUint32(offset, IS_LITTLE_ENDIAN) : 0;
    if (length < HEADER || offset + length > byteLength) return yield null;
    yield {
      type: view.getUint16(offset + 4, IS_LITTLE_ENDIAN),
      flags: view.getUint16(offset + 6, IS_LITTLE_ENDIAN),
      sequence: view.getUint32(offset + 8, IS_LITTLE_ENDIAN),
      body: new DataView(buffer, byteOffset + offset + HEADER, length - HEADER),
    };
    offset += align(length);
  } while (offset < byteLength);
}

/** Finds the first attribute of this type after a message's header. @returns its value, or null */
export function findAttribute(body: DataView, header: number, type: number): Uint8Array | null {
  for (let offset = header; offset + ATTRIBUTE_HEADER <= body.byteLength;) {
    const length = body.getUint16(offset, IS_LITTLE_ENDIAN);
    if (length < ATTRIBUTE_HEADER || offset + length > body.byteLength) return null;
    if (body.getUint16(offset + 2, IS_LITTLE_ENDIAN) === type) {
      const start = body.byteOffset + offset + ATTRIBUTE_HEADER;
      return new Uint8Array(body.buffer, start, length - ATTRIBUTE_HEADER);
    }
    offset += align(length);
  }
  return null;
}

/** Views bytes as they are in memory. */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** The text in an attribute, up to its NUL; null when there is none. */
export function findText(body: DataView, header: number, type: number): string | null {
  const bytes = findAttribute(body, header, type);
  return bytes && new TextDecoder().decode(bytes).replace(/\0.*$/s, "");
}

/** The IPv4 address in an attribute; null when there is none. */
function findAddress(body: DataView, header: number, type: number): string | null {
  const bytes = findAttribute(body, header, type);
  return bytes?.length === 4 ? bytes.join(".") : null;
}

/** The number in an attribute of 32 bits; null when there is none. */
function findNumber(body: DataView, header: number, type: number): number | null {
  const bytes = findAttribute(body, header, type);
  return bytes?.length === 4 ? viewOf(bytes).getUint32(0, IS_LITTLE_ENDIAN) : null;
}

/** A device that was asked for. */
interface LinkAnswer {
  readonly index: number;
  /** Whether there are no neighbours to ask for on it. */
  readonly isDirect: boolean;
}

/** Reads the answer to a request for a device. @returns null: there is none, or it cannot be read */
export function parseLinkAnswer({ type, body }: Message): LinkAnswer | null {
  if (type !== RTM.newLink || body.byteLength < LINK_HEADER) return null;
  const flags = body.getUint32(LINK_FLAGS, IS_LITTLE_ENDIAN);
  return {
    index: body.getInt32(LINK_INDEX, IS_LITTLE_ENDIAN),
    isDirect: (flags & (IFF_POINTOPOINT | IFF_NOARP)) !== 0,
  };
}

/** A route that was asked for. */
export interface RouteAnswer extends Way {
  /** The source address of what is sent by it; null: the kernel names none. */
  readonly source: string | null;
  /** Whether its MTU was learned of the path. */
  readonly isLearned: boolean;
}

/** Reads the answer to a request for a route. @returns null: there is none, or it cannot be read */
export function parseRouteAnswer({ type, body }: Message): RouteAnswer | null {
  if (type !== RTM.newRoute || body.byteLength < ROUTE_HEADER) return null;
  const metrics = findAttribute(body, ROUTE_HEADER, RTA.metrics);
  const cache = findAttribute(body, ROUTE_HEADER, RTA.cacheInfo);
  const expires = cache !== null && cache.length >= RTA_EXPIRES + 4
    ? viewOf(cache).getInt32(RTA_EXPIRES, IS_LITTLE_ENDIAN)
    : 0;
  return {
    index: findNumber(body, ROUTE_HEADER, RTA.oif) ?? 0,
    mtu: metrics && findNumber(viewOf(metrics), 0, RTAX_MTU),
    source: findAddress(body, ROUTE_HEADER, RTA.prefsrc),
    isLearned: expires !== 0,
  };
}

/** Whether a routing rule asks for a source address. @param body of the message about it @param address as a number */
export function isRuleFor(body: DataView, address: number): boolean {
  const length = body.byteLength < RULE_HEADER ? 0 : body.getUint8(RULE_SOURCE_LENGTH);
  const source = findAddress(body, RULE_HEADER, FRA_SRC);
  return length > 0 && length <= 32 && source !== null &&
    (address ^ parseIpv4(source)!) >>> (32 - length) === 0;
}

/** Rounds a length up to where the next message or attribute begins. */
export function align(length: number): number {
  return Math.ceil(length / 4) * 4;
}
