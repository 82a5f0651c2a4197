import type { Listing } from "../lib/kernel/observe.ts";
import { isPort } from "../lib/packet.ts";
import { parseIpv4 } from "../lib/ipv4.ts";
import type {
  IpDevice,
  IpFou,
  IpRoute,
  NftElement,
  NftExpression,
  NftRule,
  NftSet,
  NftTable,
} from "../lib/listing.ts";

/** What `ip -json -details` and `nft -j` print, as the program itself lists it. */

const PART_REGEXP = /^[\w.:*/-]{1,64}$/;
/** Numbers of those protocols that `ip` has a name for. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  redirect: 1,
  kernel: 2,
  boot: 3,
  static: 4,
  ra: 9,
  dhcp: 16,
};

/** Reads what both printed. */
export function readListing({ devices, fou, routes, nft }: {
  readonly devices: readonly unknown[];
  readonly fou: readonly unknown[];
  readonly routes: readonly unknown[];
  readonly nft: readonly unknown[];
}): Listing {
  return {
    devices: readDevices(devices),
    fou: readFou(fou),
    routes: readRoutes(routes),
    nft: readTable(nft),
  };
}

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
      flags: ["UP", "LOOPBACK"].filter((flag) => listIn(device["flags"]).includes(flag)),
      mtu: numberIn(device["mtu"]) ?? 0,
      link: deviceIn(device["link"]),
      "link_netnsid": numberIn(device["link_netnsid"]),
      master: deviceIn(device["master"]),
      ifalias: textIn(device["ifalias"]),
      group: Number(device["group"]) || 0,
      "link_type": textIn(device["link_type"]) ?? "",
      linkinfo: readKind(fieldsOf(device["linkinfo"])),
      "addr_info": listIn(device["addr_info"]).map(fieldsOf).flatMap(readAddress),
    };
  });
}

function readKind({ info_kind: kind, info_data: data }: Fields): IpDevice["linkinfo"] {
  if (typeof kind !== "string") return undefined;
  if (!/^(ipip|sit|gre|gretap)$/.test(kind)) return { "info_kind": kind, "info_data": undefined };
  const { remote, local, link, encap, ttl, tos, pmtudisc, fwmark } = fieldsOf(data);
  return {
    "info_kind": kind,
    "info_data": {
      remote: addressIn(remote),
      local: addressIn(local),
      link: deviceIn(link),
      ttl: numberIn(ttl),
      tos: Number(tos ?? 0),
      pmtudisc: typeof pmtudisc === "boolean" ? pmtudisc : undefined,
      fwmark: Number(fwmark ?? 0),
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
    typeof dst === "string"
      ? [{
        dst,
        dev: deviceIn(dev),
        protocol: PROTOCOLS[String(protocol)] ?? Number(protocol),
        metric: numberIn(metric),
        tos: tos === undefined ? undefined : Number(tos),
      }]
      : []
  );
}

/** Reads the objects of `nft -j list table`. */
export function readTable(list: readonly unknown[]): NftTable {
  const objects = list.map(fieldsOf);
  return {
    exists: list.length > 0,
    isEmpty: objects.length > 0 && objects.every((object) => "metainfo" in object || "table" in object),
    chains: objects.flatMap(({ chain }) => textIn(fieldsOf(chain)["name"]) ?? []),
    rules: objects.flatMap(({ rule }) => readRule(fieldsOf(rule)) ?? []),
    sets: objects.flatMap(({ set, map }) => readSet(fieldsOf(set ?? map), map !== undefined) ?? []),
  };
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
  const { left, op, right } = fieldsOf(match);
  const { protocol, field } = fieldsOf(fieldsOf(left)["payload"]);
  if (typeof protocol === "string" && typeof field === "string") {
    const { set = right } = fieldsOf(right);
    const isKnown = /^(ip [sd]addr|udp [sd]port)$/.test(`${protocol} ${field}`);
    return op !== "!=" && isKnown && (typeof set !== "string" || !set.startsWith("@")) && !isFields(set)
      ? { name: `${protocol} ${field}`, value: set as NftExpression["value"] }
      : null;
  }
  if (queue !== undefined) return { name: "queue", value: Number(fieldsOf(queue)["num"]) };
  if (dnat !== undefined) return { name: "dnat", value: String(fieldsOf(dnat)["addr"]) };
  return snat === undefined ? null : { name: "snat", value: String(fieldsOf(snat)["addr"]) };
}

function isFields(value: unknown): boolean {
  return typeof value === "object" && !Array.isArray(value);
}

function readSet({ name, elem, ...kind }: Fields, isMap: boolean): NftSet | null {
  if (typeof name !== "string") return null;
  const elements = listIn(elem).map((item) => {
    const [key, data] = isMap ? listIn(item) : [item];
    return readElement(key, data);
  });
  const readable = elements.filter((element) => element !== null);
  const isUnclear = readable.length < elements.length || elem !== undefined && !Array.isArray(elem);
  return { name, type: typeIn(kind), elements: readable, isUnclear };
}

/** How a set is declared; null: it is of no kind that a gate has. */
function typeIn({ type, map, flags, size, timeout }: Fields): string | null {
  const [keys, data, words] = [type, map, flags].map((
    field,
  ) => (typeof field === "string" ? [field] : listIn(field)));
  const isKnown = [...keys!, ...data!].every((name) =>
    /^(ipv4_addr|inet_service|ifname|verdict)$/.test(String(name))
  );
  if (!isKnown || size !== undefined || timeout !== undefined || words!.length > 1) return null;
  return [`type ${[keys!.join(" . "), ...data!].join(" : ")};`, ...words!.map((word) => `flags ${word};`)]
    .join(" ");
}

/** An element is bare, or has its timeout or a comment with it. */
function readElement(value: unknown, data: unknown): NftElement | null {
  const { elem } = fieldsOf(value);
  const { val, expires } = elem === undefined ? { val: value } : fieldsOf(elem);
  const { concat } = fieldsOf(val);
  const key = (concat === undefined ? [val] : listIn(concat)).map(readPart);
  const parts = key.filter((part) => part !== null && PART_REGEXP.test(part));
  if (parts.length < Math.max(1, key.length)) return null;
  return { key: parts as string[], data: readData(data), expires: numberIn(expires) ?? null };
}

function readData(data: unknown): string | null {
  if (typeof data === "string") return data;
  const [[verdict, target] = []] = Object.entries(fieldsOf(data));
  return verdict !== undefined && target === null ? verdict : null;
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
  return typeof value === "string" ? value : undefined;
}

/** An address; "any" is what `ip` prints for none. */
function addressIn(value: unknown): string | undefined {
  return typeof value === "string" && (value === "any" || parseIpv4(value) !== null) ? value : undefined;
}
