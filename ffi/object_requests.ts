import { parseNetwork } from "../lib/ipv4.ts";
import type {
  AddressRequest,
  FouRequest,
  LinkRequest,
  LocalRouteRequest,
  NewLinkRequest,
  OuterRequest,
  RouteRequest,
} from "../lib/requests.ts";
import { AF_INET } from "./descriptors.ts";
import { NetlinkEncoder, NLM_F } from "./netlink_encoding.ts";
import { IFF_UP, IFLA_IFNAME, IPTUN, LINK_FLAGS, LINK_HEADER, RTA, RTM } from "./netlink_messages.ts";

const IFLA = { mtu: 4, linkinfo: 18, ifalias: 20 } as const;
const IFLA_INFO = { kind: 1, data: 2 } as const;
const TUNNEL_ENCAP_FOU = 1;
const TUNNEL_ENCAP_FLAG_CSUM = 1;
const IPPROTO_IPIP = 4;
const IFA = { address: 1, local: 2 } as const;
/** Prefix length of an address without a network. */
const WHOLE = 32;
const SCOPE = { global: 0, link: 253, host: 254, nowhere: 255 } as const;
const RT_TABLE_MAIN = 254;
const RT_TABLE_LOCAL = 255;
const RTPROT_KERNEL = 2;
const RTN_UNSPEC = 0;
const RTN_UNICAST = 1;
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

/** Flags of all changes. */
const CHANGE = NLM_F.request | NLM_F.ack;

/** Tells the kernel's number of a device. */
type FindIndex = (device: string) => number;

/** Encodes that a device is made. */
export function newLink(
  { device, mtu, outer }: NewLinkRequest,
  indexOf: FindIndex,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const flags = CHANGE | NLM_F.create | NLM_F.exclusive;
  const encoder = new NetlinkEncoder();
  return encoder.message({ type: RTM.newLink, flags, sequence }, new Uint8Array(LINK_HEADER), () => {
    encoder.attribute(IFLA.mtu, () => encoder.hostWord(mtu));
    encoder.attribute(IFLA_IFNAME, () => encoder.string(device));
    encodeOuter(encoder, outer, linkOf(outer, indexOf));
  }).bytes;
}

/** Encodes a change of a device. The kernel takes what is not named of an outer half for zero: so all of it is. */
export function linkChange(
  { device, mtu, alias, outer, isUp }: LinkRequest,
  indexOf: FindIndex,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const header = new NetlinkEncoder();
  header.raw(new Uint8Array(LINK_FLAGS));
  header.hostWord(isUp ? IFF_UP : 0);
  header.hostWord(isUp ? IFF_UP : 0); // which flags change
  const encoder = new NetlinkEncoder();
  return encoder.message({ type: RTM.newLink, flags: CHANGE, sequence }, header.bytes, () => {
    encoder.attribute(IFLA_IFNAME, () => encoder.string(device));
    if (mtu !== null) encoder.attribute(IFLA.mtu, () => encoder.hostWord(mtu));
    if (alias !== null) encoder.attribute(IFLA.ifalias, () => encoder.text(alias));
    if (outer !== null) encodeOuter(encoder, outer, linkOf(outer, indexOf));
  }).bytes;
}

function linkOf({ link }: OuterRequest, indexOf: FindIndex): number {
  return link === null ? 0 : indexOf(link);
}

/** @param link number of the device that the tunnel is bound to; 0: none */
function encodeOuter(encoder: NetlinkEncoder, outer: OuterRequest, link: number): void {
  const { remote, local, ttl, tos, pmtudisc, fwmark, checksum } = outer;
  const values: readonly (readonly [type: number, write: () => void])[] = [
    [IPTUN.protocol, () => encoder.byte(IPPROTO_IPIP)],
    [IPTUN.local, () => encoder.address(local.ip)],
    [IPTUN.remote, () => encoder.address(remote.ip)],
    [IPTUN.pmtudisc, () => encoder.byte(pmtudisc ? 1 : 0)],
    [IPTUN.tos, () => encoder.byte(tos)],
    [IPTUN.ttl, () => encoder.byte(ttl)],
    [IPTUN.link, () => encoder.hostWord(link)],
    [IPTUN.fwmark, () => encoder.hostWord(fwmark)],
    [IPTUN.encapType, () => encoder.hostShort(TUNNEL_ENCAP_FOU)],
    [IPTUN.encapFlags, () => encoder.hostShort(checksum ? TUNNEL_ENCAP_FLAG_CSUM : 0)],
    [IPTUN.encapSport, () => encoder.networkShort(local.port)],
    [IPTUN.encapDport, () => encoder.networkShort(remote.port)],
  ];
  encoder.nested(IFLA.linkinfo, () => {
    encoder.attribute(IFLA_INFO.kind, () => encoder.text("ipip"));
    encoder.nested(IFLA_INFO.data, () => {
      for (const [type, write] of values) encoder.attribute(type, write);
    });
  });
}

/** Encodes that an address comes or goes. */
export function addressChange(
  { verb, ip, peerIp, device, scope }: AddressRequest,
  indexOf: FindIndex,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const isNew = verb === "add";
  const header = new NetlinkEncoder();
  header.raw([AF_INET, WHOLE, 0, isNew ? SCOPE[scope] : 0]);
  header.hostWord(indexOf(device));
  const encoder = new NetlinkEncoder();
  const flags = CHANGE | (isNew ? NLM_F.create | NLM_F.exclusive : 0);
  const type = isNew ? RTM.newAddress : RTM.delAddress;
  return encoder.message({ type, flags, sequence }, header.bytes, () => {
    encoder.attribute(IFA.local, () => encoder.address(ip));
    encoder.attribute(IFA.address, () => encoder.address(peerIp ?? ip));
  }).bytes;
}

/** Encodes that a route in the main table comes or goes. */
export function routeChange(
  { verb, network, device, protocol }: RouteRequest,
  indexOf: FindIndex,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const { first, length } = parseNetwork(network === "default" ? "0.0.0.0/0" : network)!;
  const isNew = verb !== "delete";
  const kind = isNew ? [protocol, SCOPE.link, RTN_UNICAST] : [protocol, SCOPE.nowhere, RTN_UNSPEC];
  const header = [AF_INET, length, 0, 0, RT_TABLE_MAIN, ...kind, 0, 0, 0, 0];
  const more = { add: NLM_F.create | NLM_F.exclusive, replace: NLM_F.create | NLM_F.replace, delete: 0 };
  const encoder = new NetlinkEncoder();
  const type = isNew ? RTM.newRoute : RTM.delRoute;
  return encoder.message({ type, flags: CHANGE | more[verb], sequence }, header, () => {
    if (length > 0) encoder.attribute(RTA.dst, () => encoder.networkWord(first));
    encoder.attribute(RTA.oif, () => encoder.hostWord(indexOf(device)));
  }).bytes;
}

/** Encodes that the route of an address in the local table comes or goes. */
export function localRouteChange(
  { verb, ip, device }: LocalRouteRequest,
  indexOf: FindIndex,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const isNew = verb === "replace";
  const header = [AF_INET, WHOLE, 0, 0, RT_TABLE_LOCAL, RTPROT_KERNEL, SCOPE.host, RTN_LOCAL, 0, 0, 0, 0];
  const encoder = new NetlinkEncoder();
  const flags = CHANGE | (isNew ? NLM_F.create | NLM_F.replace : 0);
  const type = isNew ? RTM.newRoute : RTM.delRoute;
  return encoder.message({ type, flags, sequence }, header, () => {
    encoder.attribute(RTA.dst, () => encoder.address(ip));
    encoder.attribute(RTA.oif, () => encoder.hostWord(indexOf(device)));
  }).bytes;
}

/** Encodes that a FOU port comes or goes. @param family the number of FOU's generic netlink family */
export function fouChange(
  { verb, local, device }: FouRequest,
  family: number,
  indexOf: FindIndex,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const encoder = new NetlinkEncoder();
  const header = [FOU_CMD[verb], FOU_GENL_VERSION, 0, 0];
  return encoder.message({ type: family, flags: CHANGE, sequence }, header, () => {
    encoder.attribute(FOU_ATTR.port, () => encoder.networkShort(local.port));
    encoder.attribute(FOU_ATTR.type, () => encoder.byte(FOU_ENCAP_DIRECT));
    encoder.attribute(FOU_ATTR.af, () => encoder.byte(AF_INET));
    encoder.attribute(FOU_ATTR.ipproto, () => encoder.byte(IPPROTO_IPIP));
    encoder.attribute(FOU_ATTR.local, () => encoder.address(local.ip));
    if (device !== null) encoder.attribute(FOU_ATTR.ifindex, () => encoder.hostWord(indexOf(device)));
  }).bytes;
}

/** Asks for the number of FOU's generic netlink family. The kernel loads its module. */
export function fouFamilyRequest(sequence: number): Uint8Array<ArrayBuffer> {
  const encoder = new NetlinkEncoder();
  const header = [CTRL_CMD_GETFAMILY, CTRL_VERSION, 0, 0];
  return encoder.message({ type: GENL_ID_CTRL, flags: NLM_F.request, sequence }, header, () => {
    encoder.attribute(CTRL_ATTR_FAMILY_NAME, () => encoder.string(FOU_GENL_NAME));
  }).bytes;
}
