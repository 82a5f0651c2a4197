import { parseNetwork } from "../lib/ipv4.ts";
import type {
  AddressRequest,
  LinkRequest,
  LocalRouteRequest,
  NewLinkRequest,
  OuterRequest,
  RouteRequest,
} from "../lib/requests.ts";
import { AF_INET } from "./descriptors.ts";
import { NetlinkEncoder, NLM_F } from "./netlink_encoding.ts";
import {
  IFA,
  IFF,
  IFLA,
  IFLA_INFO,
  IPTUN,
  LINK,
  RT_TABLE,
  RTA,
  RTM,
  RTN,
  TUNNEL_ENCAP_FLAG_CSUM,
} from "./rtnetlink.ts";

const TUNNEL_ENCAP_FOU = 1;
const IPPROTO_IPIP = 4;
/** Prefix length of an address without a network. */
const WHOLE = 32;
const SCOPE = { global: 0, link: 253, host: 254, nowhere: 255 } as const;
const RTPROT_KERNEL = 2;
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
  return encoder.message({ type: RTM.newLink, flags, sequence }, new Uint8Array(LINK.size), () => {
    encoder.attribute(IFLA.mtu, () => encoder.hostWord(mtu));
    encoder.attribute(IFLA.ifname, () => encoder.string(device));
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
  header.raw(new Uint8Array(LINK.flags));
  header.hostWord(isUp ? IFF.up : 0);
  header.hostWord(isUp ? IFF.up : 0); // which flags change
  const encoder = new NetlinkEncoder();
  return encoder.message({ type: RTM.newLink, flags: CHANGE, sequence }, header.bytes, () => {
    encoder.attribute(IFLA.ifname, () => encoder.string(device));
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
  const kind = isNew ? [protocol, SCOPE.link, RTN.unicast] : [protocol, SCOPE.nowhere, RTN.unspec];
  const header = [AF_INET, length, 0, 0, RT_TABLE.main, ...kind, 0, 0, 0, 0];
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
  const header = [AF_INET, WHOLE, 0, 0, RT_TABLE.local, RTPROT_KERNEL, SCOPE.host, RTN.local, 0, 0, 0, 0];
  const encoder = new NetlinkEncoder();
  const flags = CHANGE | (isNew ? NLM_F.create | NLM_F.replace : 0);
  const type = isNew ? RTM.newRoute : RTM.delRoute;
  return encoder.message({ type, flags, sequence }, header, () => {
    encoder.attribute(RTA.dst, () => encoder.address(ip));
    encoder.attribute(RTA.oif, () => encoder.hostWord(indexOf(device)));
  }).bytes;
}
