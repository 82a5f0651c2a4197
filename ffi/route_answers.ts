import type { FoundRoute } from "../lib/ports.ts";
import type { IpRoute } from "../lib/listing.ts";
import { Attributes } from "./attributes.ts";
import { AF_INET } from "./descriptors.ts";
import { type Message, ROUTE_HEADER, RTA, RTM } from "./netlink_messages.ts";

/** Offsets in struct rtmsg. */
const ROUTE = { family: 0, length: 1, tos: 3, table: 4, protocol: 5, type: 7 } as const;
const RT_TABLE_MAIN = 254;
/** Attributes of a route besides `RTA`. */
const RTA_PRIORITY = 6;
const RTA_TABLE = 15;
const RTN = { unicast: 1, local: 2 } as const;

/** A route of the main table. */
export interface RouteRecord {
  readonly route: Omit<IpRoute, "dev">;
  /** Number of its device; undefined: it has none, or several. */
  readonly device: number | undefined;
}

/** Reads a route of a dump. @returns null: it is none of the main table */
export function parseRoute(message: Message): RouteRecord | null {
  const fields = attributesOf(message);
  if (fields === null) return null;
  const { body } = message;
  const table = fields.word(RTA_TABLE) ?? body.getUint8(ROUTE.table);
  if (table !== RT_TABLE_MAIN) return null;
  return {
    route: {
      dst: destinationOf(body, fields),
      protocol: body.getUint8(ROUTE.protocol),
      metric: fields.word(RTA_PRIORITY),
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
  if (type !== RTN.unicast && type !== RTN.local) return null;
  return {
    isLocal: type === RTN.local,
    network: destinationOf(message.body, fields),
    device: fields.word(RTA.oif) || null,
  };
}

function attributesOf({ type, body }: Message): Attributes | null {
  if (type !== RTM.newRoute || body.byteLength < ROUTE_HEADER) return null;
  if (body.getUint8(ROUTE.family) !== AF_INET || body.getUint8(ROUTE.length) > 32) return null;
  return new Attributes(body, ROUTE_HEADER);
}

/** In the words of `ip`. */
function destinationOf(body: DataView, fields: Attributes): string {
  const length = body.getUint8(ROUTE.length);
  const ip = fields.ip(RTA.dst) ?? "0.0.0.0";
  if (length === 0) return ip === "0.0.0.0" ? "default" : `${ip}/0`;
  return length === 32 ? ip : `${ip}/${length}`;
}
