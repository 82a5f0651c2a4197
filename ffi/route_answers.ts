import { parseIpv4 } from "../lib/ipv4.ts";
import type { IpRoute } from "../lib/listing.ts";
import type { FoundRoute, Way } from "../lib/kernel_ports.ts";
import { Attributes } from "./attributes.ts";
import { AF_INET, IS_LITTLE_ENDIAN } from "./descriptors.ts";
import type { Message } from "./netlink_messages.ts";
import { ROUTE, RT_TABLE, RTA, RTM, RTN, RULE } from "./rtnetlink.ts";

const RTAX_MTU = 2; // in RTA_METRICS
const FRA_SRC = 2;
const FRA_FWMARK = 10;
const FRA_FWMASK = 16;
/** For all but what the rule names. */
const FIB_RULE_INVERT = 2;

/** A route of the main table. */
interface RouteRecord {
  readonly route: Omit<IpRoute, "dev">;
  /** Number of its device; undefined: it has none, or several. */
  readonly device: number | undefined;
}

/** Reads a route of a dump. @returns null: it is none of the main table */
export function parseRoute(message: Message): RouteRecord | null {
  const fields = attributesOf(message);
  if (fields === null) return null;
  const { body } = message;
  const table = fields.word(RTA.table) ?? body.getUint8(ROUTE.table);
  if (table !== RT_TABLE.main) return null;
  return {
    route: {
      dst: destinationOf(body, fields),
      protocol: body.getUint8(ROUTE.protocol),
      metric: fields.word(RTA.priority),
      tos: body.getUint8(ROUTE.tos) || undefined,
    },
    device: fields.word(RTA.oif) || undefined,
  };
}

/** Reads the route to an address as it is in its table. @returns null: there is none, or it leads nowhere */
export function parseFoundRoute(message: Message): FoundRoute | null {
  const fields = attributesOf(message);
  if (fields === null) return null;
  const type = message.body.getUint8(ROUTE.type);
  // Until Linux 5.17, the first address of a connected network is one that leads to all its hosts, as the last one is.
  if (type !== RTN.unicast && type !== RTN.local && type !== RTN.broadcast) return null;
  return {
    isLocal: type === RTN.local,
    network: destinationOf(message.body, fields),
    device: fields.word(RTA.oif) || null,
  };
}

function attributesOf({ type, body }: Message): Attributes | null {
  if (type !== RTM.newRoute || body.byteLength < ROUTE.size) return null;
  if (body.getUint8(ROUTE.family) !== AF_INET || body.getUint8(ROUTE.length) > 32) return null;
  return new Attributes(body, ROUTE.size);
}

/** In the words of `ip`. */
function destinationOf(body: DataView, fields: Attributes): string {
  const length = body.getUint8(ROUTE.length);
  const ip = fields.ip(RTA.dst) ?? "0.0.0.0";
  if (length === 0) return ip === "0.0.0.0" ? "default" : `${ip}/0`;
  return length === 32 ? ip : `${ip}/${length}`;
}

/** A route that was asked for. */
export interface RouteAnswer extends Pick<Way, "index" | "mtu"> {
  /** The source address of what is sent by it; null: the kernel names none. */
  readonly source: string | null;
}

/** Reads the answer to a request for a route. @returns null: there is none, or it cannot be read */
export function parseRouteAnswer({ type, body }: Message): RouteAnswer | null {
  if (type !== RTM.newRoute || body.byteLength < ROUTE.size) return null;
  const fields = new Attributes(body, ROUTE.size);
  return {
    index: fields.word(RTA.oif) ?? 0,
    mtu: fields.nested(RTA.metrics).word(RTAX_MTU) ?? null,
    source: fields.ip(RTA.prefsrc) ?? null,
  };
}

/** Whether a routing rule asks for a source address. @param body of the message about it @param address as a number */
export function isRuleFor(body: DataView, address: number): boolean {
  const length = body.byteLength < RULE.size ? 0 : body.getUint8(RULE.sourceLength);
  const source = new Attributes(body, RULE.size).ip(FRA_SRC);
  return length > 0 && length <= 32 && source !== undefined &&
    (address ^ parseIpv4(source)!) >>> (32 - length) === 0;
}

/** Whether a routing rule asks for a mark. @param body of the message about it @param mark not 0 */
export function isRuleForMark(body: DataView, mark: number): boolean {
  if (body.byteLength < RULE.size) return false;
  if ((body.getUint32(RULE.flags, IS_LITTLE_ENDIAN) & FIB_RULE_INVERT) !== 0) return false;
  const fields = new Attributes(body, RULE.size);
  const wanted = fields.word(FRA_FWMARK) ?? 0;
  // Without a mask in its message, the kernel compares all of it.
  return wanted !== 0 && ((mark & (fields.word(FRA_FWMASK) ?? 0xffff_ffff)) >>> 0) === wanted;
}
