import type {
  AddressRequest,
  FouRequest,
  LinkRequest,
  LocalRouteRequest,
  OuterRequest,
} from "../lib/requests.ts";
import { AF_INET } from "./descriptors.ts";
import {
  address,
  type Attribute,
  byte,
  encodeMessage,
  hostShort,
  hostWord,
  nested,
  networkShort,
  NLM_F,
  text,
} from "./netlink_encoding.ts";
import { IFLA_IFNAME, IPTUN, LINK_HEADER, RTA, RTM } from "./netlink_messages.ts";

const IFLA = { mtu: 4, linkinfo: 18, ifalias: 20 } as const;
const IFLA_INFO = { kind: 1, data: 2 } as const;
const TUNNEL_ENCAP_FOU = 1;
const TUNNEL_ENCAP_FLAG_CSUM = 1;
const IPPROTO_IPIP = 4;
const IFA = { address: 1, local: 2 } as const;
/** Prefix length of an address without a network. */
const WHOLE = 32;
const SCOPE = { global: 0, host: 254 } as const;
const RT_TABLE_LOCAL = 255;
const RTPROT_KERNEL = 2;
const RTN_LOCAL = 2;
/** The generic netlink family of FOU ports. */
const FOU_GENL_NAME = "fou";
const FOU_GENL_VERSION = 1;
const FOU_CMD = { add: 1, del: 2 } as const;
const FOU_ENCAP_DIRECT = 1;
const FOU_ATTR = { port: 1, af: 2, ipproto: 3, type: 4, local: 6, ifindex: 11 } as const;
const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_VERSION = 1;
const CTRL_ATTR_FAMILY_NAME = 2;

/** Tells the kernel's number of a device. */
type FindIndex = (device: string) => number;

/** Encodes a change of a device. The kernel takes what is not named of an outer half for zero: so all of it is. */
export function linkChange(
  { device, mtu, alias, outer }: LinkRequest,
  indexOf: FindIndex,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const type = RTM.newLink;
  return encodeMessage({ type, flags: NLM_F.request | NLM_F.ack, sequence }, new Uint8Array(LINK_HEADER), [
    [IFLA_IFNAME, text(device)],
    ...(mtu === null ? [] : [[IFLA.mtu, hostWord(mtu)] as const]),
    ...(alias === null ? [] : [[IFLA.ifalias, new TextEncoder().encode(alias)] as const]),
    ...(outer === null ? [] : [linkInfo(outer, indexOf)]),
  ]);
}

function linkInfo(outer: OuterRequest, indexOf: FindIndex): Attribute {
  const { remote, local, ttl, tos, pmtudisc, fwmark, checksum, link } = outer;
  return nested(IFLA.linkinfo, [
    [IFLA_INFO.kind, new TextEncoder().encode("ipip")],
    nested(IFLA_INFO.data, [
      [IPTUN.protocol, byte(IPPROTO_IPIP)],
      [IPTUN.local, address(local.ip)],
      [IPTUN.remote, address(remote.ip)],
      [IPTUN.pmtudisc, byte(pmtudisc ? 1 : 0)],
      [IPTUN.tos, byte(tos)],
      [IPTUN.ttl, byte(ttl)],
      [IPTUN.link, hostWord(link === null ? 0 : indexOf(link))],
      [IPTUN.fwmark, hostWord(fwmark)],
      [IPTUN.encapType, hostShort(TUNNEL_ENCAP_FOU)],
      [IPTUN.encapFlags, hostShort(checksum ? TUNNEL_ENCAP_FLAG_CSUM : 0)],
      [IPTUN.encapSport, networkShort(local.port)],
      [IPTUN.encapDport, networkShort(remote.port)],
    ]),
  ]);
}

/** Encodes that an address comes or goes. */
export function addressChange(
  { verb, ip, device, scope }: AddressRequest,
  indexOf: FindIndex,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const isNew = verb === "add";
  const header = new Uint8Array([AF_INET, WHOLE, 0, isNew ? SCOPE[scope] : 0, ...hostWord(indexOf(device))]);
  const flags = NLM_F.request | NLM_F.ack | (isNew ? NLM_F.create | NLM_F.exclusive : 0);
  return encodeMessage({ type: isNew ? RTM.newAddress : RTM.delAddress, flags, sequence }, header, [
    [IFA.local, address(ip)],
    [IFA.address, address(ip)],
  ]);
}

/** Encodes that the route of an address in the local table comes or goes. */
export function localRouteChange(
  { verb, ip, device }: LocalRouteRequest,
  indexOf: FindIndex,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const isNew = verb === "replace";
  const header = Uint8Array.of(
    ...[AF_INET, WHOLE, 0, 0, RT_TABLE_LOCAL, RTPROT_KERNEL, SCOPE.host, RTN_LOCAL],
    ...hostWord(0),
  );
  const flags = NLM_F.request | NLM_F.ack | (isNew ? NLM_F.create | NLM_F.replace : 0);
  return encodeMessage({ type: isNew ? RTM.newRoute : RTM.delRoute, flags, sequence }, header, [
    [RTA.dst, address(ip)],
    [RTA.oif, hostWord(indexOf(device))],
  ]);
}

/** Encodes that a FOU port comes or goes. @param family the number of FOU's generic netlink family */
export function fouChange(
  { verb, local, device }: FouRequest,
  family: number,
  indexOf: FindIndex,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const flags = NLM_F.request | NLM_F.ack;
  return encodeMessage({ type: family, flags, sequence }, genericHeader(FOU_CMD[verb], FOU_GENL_VERSION), [
    [FOU_ATTR.port, networkShort(local.port)],
    [FOU_ATTR.type, byte(FOU_ENCAP_DIRECT)],
    [FOU_ATTR.af, byte(AF_INET)],
    [FOU_ATTR.ipproto, byte(IPPROTO_IPIP)],
    [FOU_ATTR.local, address(local.ip)],
    ...(device === null ? [] : [[FOU_ATTR.ifindex, hostWord(indexOf(device))] as const]),
  ]);
}

/** Asks for the number of FOU's generic netlink family. The kernel loads its module. */
export function fouFamilyRequest(sequence: number): Uint8Array<ArrayBuffer> {
  const header = genericHeader(CTRL_CMD_GETFAMILY, CTRL_VERSION);
  return encodeMessage({ type: GENL_ID_CTRL, flags: NLM_F.request, sequence }, header, [
    [CTRL_ATTR_FAMILY_NAME, text(FOU_GENL_NAME)],
  ]);
}

/** A struct genlmsghdr. */
function genericHeader(command: number, version: number): Uint8Array {
  return Uint8Array.of(command, version, 0, 0);
}
