import { parseIpv4 } from "../ipv4.ts";
import { isPort } from "../packet.ts";
import type {
  FoundRoute,
  IpDevice,
  IpFou,
  IpRoute,
  NftElement,
  NftExpression,
  NftRule,
  NftSet,
  NftTable,
} from "./listing.ts";

/**
 * What `ip` and `nft` print differs by version, and others put into the kernel what we would not: an object that lacks
 * what every one has is ignored, and what is not of its type counts as missing. So what comes from here can be put into
 * commands and messages.
 */

// As the kernel takes them, but for what would break a line or be obeyed by a terminal.
// deno-lint-ignore no-control-regex
const NAMESPACE_REGEXP = /^[^\s/\u0000-\u001f\u007f-\u009f-][^\s/\u0000-\u001f\u007f-\u009f]{0,254}$/;
// deno-lint-ignore no-control-regex
const DEVICE_REGEXP = /^[^\s/:\u0000-\u001f\u007f-\u009f]{1,15}$/;
const NETWORK_REGEXP = /^(?:default|[\d.]+(?:\/\d+)?)$/;
const TOS_REGEXP = /^(?:0x)?[0-9a-f]{1,2}$/;
const FWMARK_REGEXP = /^(?:0x)?[0-9a-f]{1,8}$/;
const PART_REGEXP = /^[\w.:*/-]{1,64}$/;

type Fields = Readonly<Record<string, unknown>>;

/** Reads `ip -j -d address show`. */
export function readDevices(list: readonly unknown[]): IpDevice[] {
  return list.map(fieldsOf).flatMap((device) => {
    const [ifindex, ifname] = [numberIn(device["ifindex"]), deviceIn(device["ifname"])];
    if (ifindex === undefined || ifname === undefined) return [];
    return {
      ifindex,
      ifname,
      altnames: listIn(device["altnames"]).filter((name) => typeof name === "string"),
      flags: listIn(device["flags"]).filter((flag) => typeof flag === "string"),
      mtu: numberIn(device["mtu"]) ?? 0,
      link: deviceIn(device["link"]),
      "link_netnsid": numberIn(device["link_netnsid"]),
      master: deviceIn(device["master"]),
      ifalias: textIn(device["ifalias"]),
      group: textIn(device["group"]),
      "link_type": textIn(device["link_type"]) ?? "",
      linkinfo: readKind(fieldsOf(device["linkinfo"])),
      "addr_info": listIn(device["addr_info"]).map(fieldsOf).flatMap(readAddress),
    };
  });
}

function readKind({ info_kind: kind, info_data: data }: Fields): IpDevice["linkinfo"] {
  const { remote, local, link, encap, ttl, tos, pmtudisc, fwmark } = fieldsOf(data);
  return {
    "info_kind": textIn(kind),
    "info_data": {
      remote: addressIn(remote),
      local: addressIn(local),
      link: deviceIn(link),
      ttl: numberIn(ttl),
      tos: typeof tos === "string" && TOS_REGEXP.test(tos) ? tos : undefined,
      pmtudisc: typeof pmtudisc === "boolean" ? pmtudisc : undefined,
      fwmark: typeof fwmark === "string" && FWMARK_REGEXP.test(fwmark) ? fwmark : undefined,
      encap: readEncap(fieldsOf(encap)),
    },
  };
}

function readEncap({ type, sport, dport, csum }: Fields) {
  if (typeof type !== "string") return undefined;
  // 0: the kernel chooses one for each flow.
  return { type, sport: portIn(sport) ?? 0, dport: portIn(dport) ?? 0, csum: csum === true };
}

function readAddress(fields: Fields): IpDevice["addr_info"] {
  const { family, scope, prefixlen, deprecated, tentative, dadfailed } = fields;
  const local = addressIn(fields["local"]);
  if (family !== "inet" || local === undefined) return [];
  return [{
    local,
    address: addressIn(fields["address"]),
    prefixlen: numberIn(prefixlen),
    scope: textIn(scope),
    deprecated: deprecated === true,
    tentative: tentative === true,
    dadfailed: dadfailed === true,
  }];
}

/** Reads `ip -j fou show`. */
export function readFou(list: readonly unknown[]): IpFou[] {
  return list.map(fieldsOf).flatMap(({ port, family, ipproto, local, peer, peer_port: peerPort, dev }) =>
    isPort(port) && typeof family === "string"
      ? [{
        port,
        family,
        ipproto: numberIn(ipproto),
        local: addressIn(local),
        peer: addressIn(peer),
        "peer_port": portIn(peerPort),
        dev: deviceIn(dev),
      }]
      : []
  );
}

/** Reads `ip -j -d route show`. */
export function readRoutes(list: readonly unknown[]): IpRoute[] {
  return list.map(fieldsOf).flatMap(({ dst, dev, protocol, metric, tos }) =>
    typeof dst === "string" && NETWORK_REGEXP.test(dst)
      ? [{ dst, dev: deviceIn(dev), protocol: textIn(protocol), metric: numberIn(metric), tos: textIn(tos) }]
      : []
  );
}

/** Reads `ip -json route get fibmatch`. */
export function readFoundRoutes(list: readonly unknown[]): FoundRoute[] {
  return list.map(fieldsOf).flatMap(({ type, dst, dev }) =>
    typeof dst === "string" && NETWORK_REGEXP.test(dst)
      ? [{ type: textIn(type) ?? "unicast", dst, device: deviceIn(dev) ?? "" }]
      : []
  );
}

/** Reads `ip -json netns list-id`. @returns names */
export function readNamespaces(list: readonly unknown[]): string[] {
  return list.map(fieldsOf).flatMap(({ name }) =>
    typeof name === "string" && NAMESPACE_REGEXP.test(name) ? name : []
  );
}

/** Reads the objects of `nft -j list table`. */
export function readTable(list: readonly unknown[]): NftTable {
  const objects = list.map(fieldsOf);
  return {
    chains: objects.flatMap(({ chain }) => textIn(fieldsOf(chain)["name"]) ?? []),
    rules: objects.flatMap(({ rule }) => readRule(fieldsOf(rule)) ?? []),
    sets: objects.flatMap(({ set, map }) => readSet(fieldsOf(set ?? map), map !== undefined) ?? []),
  };
}

/** Whether there is a table, and nothing in it: also no object of a kind that we know nothing of. */
export function isEmptyTable(list: readonly unknown[]): boolean {
  const kinds = list.flatMap((object) => Object.keys(fieldsOf(object)));
  return kinds.includes("table") && kinds.every((kind) => ["metainfo", "table"].includes(kind));
}

function readRule({ chain, handle, comment, expr }: Fields): NftRule | null {
  if (typeof chain !== "string") return null;
  return {
    chain,
    handle: numberIn(handle) ?? null,
    comment: textIn(comment) ?? "",
    expressions: listIn(expr).map(fieldsOf).flatMap((expression) => readExpression(expression) ?? []),
  };
}

function readExpression({ match, queue, dnat, snat }: Fields): NftExpression | null {
  const { protocol, field } = fieldsOf(fieldsOf(fieldsOf(match)["left"])["payload"]);
  if (typeof protocol === "string" && typeof field === "string") {
    return { name: `${protocol} ${field}`, value: fieldsOf(match)["right"] };
  }
  if (queue !== undefined) return { name: "queue", value: fieldsOf(queue)["num"] };
  if (dnat !== undefined) return { name: "dnat", value: fieldsOf(dnat)["addr"] };
  return snat === undefined ? null : { name: "snat", value: fieldsOf(snat)["addr"] };
}

function readSet({ name, elem }: Fields, isMap: boolean): NftSet | null {
  if (typeof name !== "string") return null;
  const elements = listIn(elem).map((item) => {
    const [key, data] = isMap ? listIn(item) : [item];
    return readElement(key, data);
  });
  const readable = elements.filter((element) => element !== null);
  const isUnclear = readable.length < elements.length || elem !== undefined && !Array.isArray(elem);
  return { name, elements: readable, isUnclear };
}

/** An element is bare, or has its timeout or a comment with it. */
function readElement(value: unknown, data: unknown): NftElement | null {
  const { elem } = fieldsOf(value);
  const { val, expires } = elem === undefined ? { val: value } : fieldsOf(elem);
  const { concat } = fieldsOf(val);
  const key = (concat === undefined ? [val] : listIn(concat)).map(readPart);
  const parts = key.filter((part) => part !== null && PART_REGEXP.test(part));
  if (parts.length < Math.max(1, key.length)) return null;
  return { key: parts as string[], data, expires: numberIn(expires) ?? null };
}

function readPart(part: unknown): string | null {
  if (typeof part === "string" || typeof part === "number") return String(part);
  const { prefix, range } = fieldsOf(part);
  const { addr, len } = fieldsOf(prefix);
  if (typeof addr === "string" && typeof len === "number") return `${addr}/${len}`;
  const ends = listIn(range).map(readPart);
  return ends.length === 2 && !ends.includes(null) ? ends.join("-") : null;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? value as Fields : {};
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function numberIn(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function portIn(value: unknown): number | undefined {
  return isPort(value) ? value : undefined;
}

function deviceIn(value: unknown): string | undefined {
  return typeof value === "string" && DEVICE_REGEXP.test(value) ? value : undefined;
}

/** An address; "any" is what `ip` prints for none. */
function addressIn(value: unknown): string | undefined {
  return typeof value === "string" && (value === "any" || parseIpv4(value) !== null) ? value : undefined;
}
