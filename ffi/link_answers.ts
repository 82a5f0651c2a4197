import type { IpDevice } from "../lib/listing.ts";
import { Attributes, textIn } from "./attributes.ts";
import { IS_LITTLE_ENDIAN } from "./descriptors.ts";
import type { Message } from "./netlink_messages.ts";
import { ADDRESS, IFA, IFF, IFLA, IFLA_INFO, IPTUN, LINK, RTM, TUNNEL_ENCAP_FLAG_CSUM } from "./rtnetlink.ts";

const IFA_F = { dadfailed: 0x08, deprecated: 0x20, tentative: 0x40 } as const;

/** As `IPTUN`, of the kinds `gre` and `gretap`. */
const GRE = {
  link: 1,
  local: 6,
  remote: 7,
  ttl: 8,
  tos: 9,
  pmtudisc: 10,
  encapType: 14,
  encapFlags: 15,
  encapSport: 16,
  encapDport: 17,
  fwmark: 20,
} as const;
/** Where in IFLA_INFO_DATA each kind of tunnel over IPv4 has what matters here. */
const TUNNEL_KINDS: Readonly<Record<string, typeof IPTUN | typeof GRE>> = {
  ipip: IPTUN,
  sit: IPTUN,
  gre: GRE,
  gretap: GRE,
};
/** By TUNNEL_ENCAP_…. */
const ENCAPS = ["none", "fou", "gue", "mpls"];

/** By ARPHRD_…, as `ip` calls them; others are called by their number. */
const LINK_TYPES: Readonly<Record<number, string>> = {
  1: "ether",
  512: "ppp",
  768: "ipip",
  769: "tunnel6",
  772: "loopback",
  776: "sit",
  778: "gre",
  65534: "none",
};
const SCOPES: Readonly<Record<number, string>> = { 0: "global", 200: "site", 253: "link", 254: "host" };

/** As the kernel takes them, but for what would break a line or be obeyed by a terminal. */
// deno-lint-ignore no-control-regex
const NAME_REGEXP = /^[^\s/:\u0000-\u001f\u007f-\u009f]{1,15}$/;

/** A device without its addresses; it names others by their numbers. */
interface LinkRecord {
  /** With the fields that need no other device. */
  readonly device: Omit<IpDevice, "link" | "master" | "addr_info">;
  /** Number of the one below; undefined: none, or in another network namespace. */
  readonly link: number | undefined;
  readonly master: number | undefined;
  /** Number of the one that a tunnel is bound to. */
  readonly tunnelLink: number | undefined;
}

/** Reads a device of a dump. @returns null: it is none, or has a name that is none */
export function parseLink({ type, body }: Message): LinkRecord | null {
  if (type !== RTM.newLink || body.byteLength < LINK.size) return null;
  const fields = new Attributes(body, LINK.size);
  const ifname = fields.text(IFLA.ifname);
  if (ifname === undefined || !NAME_REGEXP.test(ifname)) return null;
  const flags = body.getUint32(LINK.flags, IS_LITTLE_ENDIAN);
  const info = fields.nested(IFLA.linkinfo);
  const kind = info.text(IFLA_INFO.kind);
  const words = TUNNEL_KINDS[kind ?? ""];
  const data = info.nested(IFLA_INFO.data);
  const netnsid = fields.word(IFLA.linkNetnsid);
  const hardware = body.getUint16(LINK.type, IS_LITTLE_ENDIAN);
  return {
    device: {
      ifindex: body.getInt32(LINK.index, IS_LITTLE_ENDIAN),
      ifname,
      altnames: fields.nested(IFLA.propList).each(IFLA.altIfname).map(textIn),
      flags: [...flags & IFF.up ? ["UP"] : [], ...flags & IFF.loopback ? ["LOOPBACK"] : []],
      mtu: fields.word(IFLA.mtu) ?? 0,
      "link_netnsid": netnsid,
      ifalias: fields.text(IFLA.ifalias) || undefined,
      group: fields.word(IFLA.group) ?? 0,
      "link_type": LINK_TYPES[hardware] ?? `[${hardware}]`,
      linkinfo: kind === undefined
        ? undefined
        : { "info_kind": kind, "info_data": words && readTunnel(data, words) },
    },
    link: netnsid === undefined ? fields.word(IFLA.link) || undefined : undefined,
    master: fields.word(IFLA.master) || undefined,
    tunnelLink: words && (data.word(words.link) || undefined),
  };
}

type Tunnel = NonNullable<NonNullable<IpDevice["linkinfo"]>["info_data"]>;

function readTunnel(data: Attributes, at: typeof IPTUN | typeof GRE): Omit<Tunnel, "link"> {
  const type = ENCAPS[data.short(at.encapType) ?? 0];
  const flags = data.short(at.encapFlags) ?? 0;
  const encap = type === undefined || type === "none" ? undefined : {
    type,
    // 0: the kernel chooses one for each flow.
    sport: data.port(at.encapSport) ?? 0,
    dport: data.port(at.encapDport) ?? 0,
    csum: (flags & TUNNEL_ENCAP_FLAG_CSUM) !== 0,
  };
  return {
    local: nameEnd(data.ip(at.local)),
    remote: nameEnd(data.ip(at.remote)),
    ttl: data.byte(at.ttl) ?? 0,
    tos: data.byte(at.tos) ?? 0,
    pmtudisc: data.byte(at.pmtudisc) !== 0,
    fwmark: data.word(at.fwmark) ?? 0,
    encap,
  };
}

function nameEnd(ip: string | undefined): string | undefined {
  return ip === "0.0.0.0" ? "any" : ip;
}

/** An IPv4 address of a device. */
interface AddressRecord {
  /** The device's number. */
  readonly index: number;
  readonly address: IpDevice["addr_info"][number];
}

/** Reads an address of a dump. @returns null: it is none */
export function parseAddress({ type, body }: Message): AddressRecord | null {
  if (type !== RTM.newAddress || body.byteLength < ADDRESS.size) return null;
  const fields = new Attributes(body, ADDRESS.size);
  const local = fields.ip(IFA.local);
  if (local === undefined) return null;
  const [peer, flags] = [fields.ip(IFA.address), fields.word(IFA.flags) ?? 0];
  const scope = body.getUint8(ADDRESS.scope);
  return {
    index: body.getUint32(ADDRESS.index, IS_LITTLE_ENDIAN),
    address: {
      local,
      address: peer === local ? undefined : peer,
      prefixlen: body.getUint8(ADDRESS.prefixLength),
      scope: SCOPES[scope] ?? `${scope}`,
      deprecated: (flags & IFA_F.deprecated) !== 0,
      tentative: (flags & IFA_F.tentative) !== 0,
      dadfailed: (flags & IFA_F.dadfailed) !== 0,
    },
  };
}

/** Puts devices and their addresses together. */
export function joinDevices(links: readonly LinkRecord[], addresses: readonly AddressRecord[]): IpDevice[] {
  const nameOf = namesOf(links.map(({ device }) => device));
  const byIndex = Map.groupBy(addresses, ({ index }) => index);
  return links.map(({ device, link, master, tunnelLink }) => {
    const data = device.linkinfo?.info_data;
    return {
      ...device,
      link: nameOf(link),
      master: nameOf(master),
      linkinfo: data && { ...device.linkinfo, "info_data": { ...data, link: nameOf(tunnelLink) } } ||
        device.linkinfo,
      "addr_info": byIndex.get(device.ifindex)?.map(({ address }) => address) ?? [],
    };
  });
}

/** Names devices by their numbers; one that is gone "if12", as `ip` does. */
export function namesOf(
  devices: readonly Pick<IpDevice, "ifindex" | "ifname">[],
): (index: number | undefined) => string | undefined {
  const names = new Map(devices.map(({ ifindex, ifname }) => [ifindex, ifname]));
  return (index) => index === undefined ? undefined : names.get(index) ?? `if${index}`;
}

/** A device that was asked for. */
interface LinkAnswer {
  readonly index: number;
  /** Whether there are no neighbours to ask for on it. */
  readonly isDirect: boolean;
}

/** Reads the answer to a request for a device. @returns null: there is none, or it cannot be read */
export function parseLinkAnswer({ type, body }: Message): LinkAnswer | null {
  if (type !== RTM.newLink || body.byteLength < LINK.size) return null;
  const flags = body.getUint32(LINK.flags, IS_LITTLE_ENDIAN);
  return {
    index: body.getInt32(LINK.index, IS_LITTLE_ENDIAN),
    isDirect: (flags & (IFF.pointToPoint | IFF.noArp)) !== 0,
  };
}
