import type { IpFou } from "../lib/listing.ts";
import { Attributes } from "./attributes.ts";
import { AF_INET } from "./descriptors.ts";
import type { Message } from "./netlink_messages.ts";

/** Bytes of struct genlmsghdr. */
export const GENERIC_HEADER = 4;
const CTRL_ATTR_FAMILY_ID = 1;
const FOU_ATTR = {
  port: 1,
  family: 2,
  ipproto: 3,
  type: 4,
  localV4: 6,
  peerV4: 8,
  peerPort: 10,
  ifindex: 11,
} as const;
const FOU_ENCAP_DIRECT = 1;
const ANY = "0.0.0.0";

/** Reads the number of a family of generic netlink. @returns null: it is none */
export function parseFamily({ body }: Message): number | null {
  return new Attributes(body, GENERIC_HEADER).short(CTRL_ATTR_FAMILY_ID) ?? null;
}

/** A FOU port. */
interface FouRecord {
  readonly fou: Omit<IpFou, "dev">;
  /** Number of the device that it is bound to; undefined: none. */
  readonly device: number | undefined;
}

/** Reads a FOU port of a dump. @returns null: it is none */
export function parseFou({ body }: Message): FouRecord | null {
  const fields = new Attributes(body, GENERIC_HEADER);
  const [port, family] = [fields.port(FOU_ATTR.port), fields.byte(FOU_ATTR.family)];
  if (!port || family === undefined) return null;
  const [local, peer] = [fields.ip(FOU_ATTR.localV4), fields.ip(FOU_ATTR.peerV4)];
  const isDirect = fields.byte(FOU_ATTR.type) === FOU_ENCAP_DIRECT;
  return {
    fou: {
      port,
      family: family === AF_INET ? "inet" : "inet6",
      ipproto: isDirect ? fields.byte(FOU_ATTR.ipproto) : undefined,
      local: local === ANY ? undefined : local,
      peer: peer === ANY ? undefined : peer,
      "peer_port": fields.port(FOU_ATTR.peerPort) || undefined,
    },
    device: fields.word(FOU_ATTR.ifindex) || undefined,
  };
}
