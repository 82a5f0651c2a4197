import { AF_INET, IS_LITTLE_ENDIAN } from "./descriptors.ts";
import { makeRequest, NLM_F } from "./netlink_encoding.ts";
import { ADDRESS, IFLA, LINK, ROUTE, RT_TABLE, RTA, RTM, RULE } from "./rtnetlink.ts";

/** Asks for a route as it is in the table. */
const RTM_F_FIB_MATCH = 0x2000;
const RTEXT_FILTER_SKIP_STATS = 8;

/** What to find a route for. */
export interface RouteRequest {
  /** IPv4 address. */
  readonly destination: string;
  /** Own IPv4 address; null: the kernel chooses one. */
  readonly source: string | null;
  /** Number of the device that packets are bound to; null: none. */
  readonly device: number | null;
  /** Their firewall mark; 0: none. */
  readonly mark: number;
}

/** Asks for a device by its name. */
export function linkRequest(device: string): Uint8Array<ArrayBuffer> {
  return makeRequest(RTM.getLink, 0, new Uint8Array(LINK.size), (encoder) => {
    encoder.attribute(IFLA.ifname, () => encoder.string(device));
  });
}

/** Asks for a device by its number, or for all, without their counts. */
export function linksRequest(index: number | "all"): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(LINK.size);
  if (index !== "all") new DataView(header.buffer).setInt32(LINK.index, index, IS_LITTLE_ENDIAN);
  return makeRequest(RTM.getLink, index === "all" ? NLM_F.dump : 0, header, (encoder) => {
    encoder.attribute(IFLA.extMask, () => encoder.hostWord(RTEXT_FILTER_SKIP_STATS));
  });
}

/** Asks for all IPv4 addresses. */
export function addressesRequest(): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(ADDRESS.size);
  header[0] = AF_INET;
  return makeRequest(RTM.getAddress, NLM_F.dump, header);
}

/** Asks for all IPv4 routes of the main table. */
export function routesRequest(): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(ROUTE.size);
  [header[ROUTE.family], header[ROUTE.table]] = [AF_INET, RT_TABLE.main];
  return makeRequest(RTM.getRoute, NLM_F.dump, header);
}

/** Asks for the route that the kernel would send by, with what it has learned of the path. */
export function routeRequest(query: RouteRequest): Uint8Array<ArrayBuffer> {
  return makeRouteRequest(query, 0, 0);
}

/** Asks for a route as it is in the table; fails where there is none. @param sequence by which the answer is known */
export function tableRequest(query: RouteRequest, sequence = 0): Uint8Array<ArrayBuffer> {
  return makeRouteRequest(query, RTM_F_FIB_MATCH, sequence);
}

/** Asks for all IPv4 routing rules. */
export function rulesRequest(): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(RULE.size);
  header[0] = AF_INET;
  return makeRequest(RTM.getRule, NLM_F.dump, header);
}

function makeRouteRequest(
  { destination, source, device, mark }: RouteRequest,
  flags: number,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(ROUTE.size);
  header.set([AF_INET, 32, source === null ? 0 : 32]); // prefix lengths of destination and source
  new DataView(header.buffer).setUint32(ROUTE.flags, flags, IS_LITTLE_ENDIAN);
  return makeRequest(RTM.getRoute, 0, header, (encoder) => {
    encoder.attribute(RTA.dst, () => encoder.address(destination));
    if (source !== null) encoder.attribute(RTA.src, () => encoder.address(source));
    if (device !== null) encoder.attribute(RTA.oif, () => encoder.hostWord(device));
    if (mark !== 0) encoder.attribute(RTA.mark, () => encoder.hostWord(mark));
  }, sequence);
}
