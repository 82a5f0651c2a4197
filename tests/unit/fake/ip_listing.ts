import { ANY_ADDRESS } from "../../../lib/kernel/state.ts";
import { type FakeRoute, networkOf } from "./fib.ts";
import type { FakeListener } from "./fou_ports.ts";
import { PROTOCOLS } from "./ip_commands.ts";
import type { FakeAddress, FakeDevice, Links } from "./links.ts";
import type { Listed, PrintedDevice, PrintedRoute } from "./listed.ts";

/** A device as `ip -j -d address show` prints it, with most of the fields. */
export function listDevice(links: Links, device: FakeDevice): PrintedDevice {
  const { index, name, altnames, kind, alias, mtu, outer, link, up, group, addresses } = device;
  const under = link === null ? null : links.nameOf(link);
  return {
    ifindex: index,
    ...(kind === "ipip" || under !== null ? { link: under } : {}),
    ifname: name,
    ...(altnames.length === 0 ? {} : { altnames }),
    flags: [...flagsOf(device), ...up ? ["UP", "LOWER_UP"] : []],
    mtu,
    operstate: up ? "UNKNOWN" : "DOWN",
    group: group === 0 ? "default" : String(group),
    link_type: LINK_TYPES[kind] ?? "ether",
    ...(kind === "" ? {} : {
      linkinfo: { info_kind: kind, ...(outer === null ? {} : { info_data: listOuter(device, under) }) },
    }),
    ...(alias === null ? {} : { ifalias: alias }),
    addr_info: addresses.map((address) => listAddress(address, name)),
  } as PrintedDevice;
}

const LINK_TYPES: Readonly<Record<string, string>> = { "": "loopback", ipip: "ipip", gre: "gre" };

function flagsOf({ kind, outer }: FakeDevice): string[] {
  if (kind === "") return ["LOOPBACK"];
  if (outer === null) return ["BROADCAST", "MULTICAST"];
  return outer.remote === "any" ? ["NOARP"] : ["POINTOPOINT", "NOARP"];
}

function listOuter({ outer }: FakeDevice, link: string | null): Record<string, unknown> {
  const { remote, local, encap, csum, header, fwmark } = outer!;
  const [, ttl, tos, flag] = /^ttl (\S+) tos (\S+) (\S+)$/.exec(header)!;
  const tosByte = tos === "inherit" ? 1 : Number(tos);
  return {
    proto: remote === "any" ? "any" : "ipip",
    remote,
    local,
    ...(link === null ? {} : { link }),
    ttl: ttl === "inherit" ? 0 : Number(ttl),
    ...(tosByte === 0 ? {} : { tos: `0x${tosByte.toString(16)}` }),
    pmtudisc: flag === "pmtudisc",
    ...(fwmark === 0 ? {} : { fwmark: `0x${fwmark.toString(16)}` }),
    ...(encap === null ? {} : { encap: { ...encap, csum, csum6: false, remcsum: false } }),
  };
}

function listAddress({ local, peer, length, scope, isSecondary }: FakeAddress, name: string) {
  return {
    family: "inet",
    local,
    ...(peer === local ? {} : { address: peer }),
    prefixlen: length,
    scope,
    ...(isSecondary ? { secondary: true } : {}),
    label: name,
    valid_life_time: 0xffff_ffff,
    preferred_life_time: 0xffff_ffff,
  };
}

/** A listener as `ip -j fou show` prints it. */
export function listFou(links: Links, { ip, port, device }: FakeListener): Listed["fou"][number] {
  return {
    port,
    ...{ ipproto: 4 },
    family: "inet",
    ...(ip === ANY_ADDRESS ? {} : { local: ip }),
    ...(device === null ? {} : { dev: links.nameOf(device) }),
  };
}

/** Routes as `ip -j -d route show` prints them, in its order. */
export function listRoutes(links: Links, routes: readonly FakeRoute[]): PrintedRoute[] {
  const sorted = routes.toSorted((a, b) => {
    const [[network, length], [otherNetwork, otherLength]] = [networkOf(a.dst), networkOf(b.dst)];
    return network - otherNetwork || length - otherLength;
  });
  return sorted.map(({ dst, via, device, protocol, metric, source, mtu }) => ({
    type: "unicast",
    dst,
    ...(via === null ? {} : { gateway: via }),
    dev: links.nameOf(device),
    protocol: PROTOCOLS[protocol] ?? String(protocol),
    scope: via === null ? "link" : "global",
    ...(source === null ? {} : { prefsrc: source }),
    ...(metric === null ? {} : { metric }),
    ...(mtu === null ? {} : { metrics: [{ mtu }] }),
    flags: [],
  }));
}
