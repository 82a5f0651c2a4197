import type { IpFou } from "../lib/listing.ts";
import type { FouRequest } from "../lib/requests.ts";
import { Attributes } from "./attributes.ts";
import { AF_INET } from "./descriptors.ts";
import { makeRequest, NetlinkEncoder, NLM_F } from "./netlink_encoding.ts";
import { GENERIC_HEADER, type Message } from "./netlink_messages.ts";

const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_VERSION = 1;
const CTRL_ATTR = { familyId: 1, familyName: 2 } as const;
const FOU_GENL_NAME = "fou";
const FOU_GENL_VERSION = 1;
const FOU_CMD = { add: 1, del: 2, get: 3 } as const;
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
const IPPROTO_IPIP = 4;
const ANY = "0.0.0.0";

/**
 * Asks for the number of a family of generic netlink: FOU's, unless another is named. It is new each time that a module is
 * loaded, as it is by this.
 */
export function familyRequest(name = FOU_GENL_NAME): Uint8Array<ArrayBuffer> {
  return makeRequest(GENL_ID_CTRL, 0, [CTRL_CMD_GETFAMILY, CTRL_VERSION, 0, 0], (encoder) => {
    encoder.attribute(CTRL_ATTR.familyName, () => encoder.string(name));
  });
}

/** Asks for all families of generic netlink, which loads none. */
export function familiesRequest(): Uint8Array<ArrayBuffer> {
  return makeRequest(GENL_ID_CTRL, NLM_F.dump, [CTRL_CMD_GETFAMILY, CTRL_VERSION, 0, 0]);
}

/** Reads the name of a family of generic netlink. @returns null: it is none */
export function parseFamilyName({ type, body }: Message): string | null {
  return type !== GENL_ID_CTRL
    ? null
    : new Attributes(body, GENERIC_HEADER).text(CTRL_ATTR.familyName) ?? null;
}

/** Reads the number of a family of generic netlink. @returns null: it is none */
export function parseFamily({ type, body }: Message): number | null {
  return type !== GENL_ID_CTRL
    ? null
    : new Attributes(body, GENERIC_HEADER).short(CTRL_ATTR.familyId) ?? null;
}

/** Asks for all FOU ports. @param family the number of FOU's generic netlink family */
export function fouPortsRequest(family: number): Uint8Array<ArrayBuffer> {
  return makeRequest(family, NLM_F.dump, [FOU_CMD.get, FOU_GENL_VERSION, 0, 0]);
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

/** Encodes that a FOU port comes or goes. @param family the number of FOU's generic netlink family */
export function fouChange(
  { verb, local, device }: FouRequest,
  family: number,
  indexOf: (device: string) => number,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const encoder = new NetlinkEncoder();
  const header = [FOU_CMD[verb], FOU_GENL_VERSION, 0, 0];
  return encoder.message({ type: family, flags: NLM_F.request | NLM_F.ack, sequence }, header, () => {
    encoder.attribute(FOU_ATTR.port, () => encoder.networkShort(local.port));
    encoder.attribute(FOU_ATTR.type, () => encoder.byte(FOU_ENCAP_DIRECT));
    encoder.attribute(FOU_ATTR.family, () => encoder.byte(AF_INET));
    encoder.attribute(FOU_ATTR.ipproto, () => encoder.byte(IPPROTO_IPIP));
    encoder.attribute(FOU_ATTR.localV4, () => encoder.address(local.ip));
    if (device !== null) encoder.attribute(FOU_ATTR.ifindex, () => encoder.hostWord(indexOf(device)));
  }).bytes;
}
