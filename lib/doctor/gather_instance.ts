import type { Host } from "../doctor_ports.ts";
import { isInNetwork, parseNetwork } from "../ipv4.ts";
import { isParked, type Observed } from "../kernel/state.ts";
import { WILDCARD_DEVICE } from "../kernel/wildcards.ts";
import type { Routes } from "../kernel_ports.ts";
import type { IpDevice } from "../listing.ts";
import type { System } from "../ports.ts";
import type { Peer, Settings } from "../settings/settings.ts";
import type { ForwardingFacts } from "./forwarding.ts";
import type { IpipFacts } from "./ipip.ts";
import type { PortFacts } from "./port.ts";
import { parseCount } from "./counts.ts";
import type { ReversePathFacts } from "./reverse_path.ts";
import type { InstanceSystem, Sight } from "./sight.ts";

/** What was seen of an instance and of what is around it. */
export interface InstanceFacts {
  readonly port: PortFacts;
  readonly ipip: IpipFacts;
  readonly reversePath: ReversePathFacts;
  readonly forwarding: ForwardingFacts;
}

/** Milliseconds for `ss` to list sockets. */
const TIME_LIMIT = 5_000;
/** Most peers whose ways are looked at. */
const MOST_WAYS = 64;
const CONF = "/proc/sys/net/ipv4/conf";

/** Looks at what an instance has, and is to have. */
export async function gatherInstance(
  sight: Sight,
  { system, host }: InstanceSystem,
): Promise<InstanceFacts> {
  using routes = system.openRoutes();
  return {
    port: { ...portFacts(sight, system), fou: sight.fou, sockets: await listSockets(system) },
    ipip: ipipFacts(sight),
    reversePath: reversePathFacts(sight, routes, host),
    forwarding: forwardingFacts(sight.settings, host),
  };
}

async function listSockets({ hasProgram, runProgram }: InstanceSystem["system"]): Promise<string> {
  return hasProgram("ss") ? (await runProgram("ss", ["-H", "-lunp"], "", TIME_LIMIT)).stdout : "";
}

function portFacts(
  { settings: { local: { ports } }, observed, outside }: Sight,
  { isPortFree }: Pick<System, "isPortFree">,
): Omit<PortFacts, "fou" | "sockets"> {
  const used = new Set([...observed.own.tunnels.values()].map(({ local }) => local.port));
  if ("lack" in outside) return { ip: null, lack: outside.lack, link: null, ports, free: new Set(), used };
  const { ip, link } = outside;
  const free = new Set(ports.filter((port) => isPortFree({ ip, port }, link)));
  return { ip, lack: null, link, ports, free, used };
}

function ipipFacts({ settings, observed, devices, outside, server }: Sight): IpipFacts {
  const isUp = ({ ifname, flags }: IpDevice) => ifname === WILDCARD_DEVICE && flags.includes("UP");
  const local = "lack" in outside ? null : outside.ip;
  const clashing = devices.filter(({ ifname, linkinfo }) => {
    const { info_kind: kind, info_data: data } = linkinfo ?? {};
    return kind === "ipip" && !observed.own.tunnels.has(ifname) && local !== null && server !== null &&
      data?.local === local && data.remote === server;
  });
  return {
    isWildcardUp: devices.some(isUp),
    isShared: settings.peers.every(({ sharedIpip }) => sharedIpip),
    clashes: new Map(clashing.map(({ ifname }) => [`${local} and ${server}`, ifname])),
  };
}

function reversePathFacts(
  { settings, observed, devices, outside, server }: Sight,
  routes: Routes,
  host: Host,
): ReversePathFacts {
  const dropped = parseCount(host.read("/proc/net/netstat"), "TcpExt", "IPReversePathFilter");
  const tunnels = settings.peers.map(({ tunnel }) => tunnel.device);
  const unrouted = new Map(settings.peers.flatMap(unroutedOf));
  if ("lack" in outside) return { filters: null, dropped, device: null, ways: new Map(), tunnels, unrouted };
  const nameOf = new Map(devices.map(({ ifindex, ifname }) => [ifindex, ifname]));
  // The kernel's check knows neither a mark nor the device that sockets are bound to.
  const wayTo = (ip: string) =>
    nameOf.get(routes.findWays([ip], outside.ip, null, 0)[0]?.index ?? -1) ?? null;
  return {
    filters: readValues("rp_filter", ["all", "default", outside.device, ...tunnels], host),
    ways: new Map(remotesOf(observed, server).map((ip) => [ip, wayTo(ip)])),
    ...{ dropped, device: outside.device, tunnels, unrouted },
  };
}

/** Far outer addresses, as far as they are known. */
function remotesOf({ own: { tunnels } }: Observed, server: string | null): string[] {
  const found = [...tunnels.values()].filter((tunnel) => !isParked(tunnel)).map(({ remote }) => remote.ip);
  return [...new Set([...server === null ? [] : [server], ...found])].slice(0, MOST_WAYS);
}

function unroutedOf({ tunnel, allowedIps, routes }: Peer): [string, string[]][] {
  const routed = [tunnel.peerIp, ...routes].map((text) => parseNetwork(text)!);
  const isRouted = (text: string) => {
    const { length } = parseNetwork(text)!;
    return routed.some((route) => route.length <= length && isInNetwork(text.replace(/\/.*/, ""), route));
  };
  const left = (allowedIps ?? []).filter((network) => !isRouted(network));
  return left.length === 0 ? [] : [[tunnel.device, left]];
}

function forwardingFacts({ mode, peers }: Settings, host: Host): ForwardingFacts {
  const tunnels = peers.map(({ tunnel }) => tunnel.device);
  return {
    isServer: mode === "server",
    peers: peers.length,
    routes: peers.flatMap(({ routes }) => routes),
    forwarding: readValues("forwarding", ["default", ...tunnels], host),
    tunnels,
  };
}

/** Reads a setting of network devices. @returns null: there is no /proc */
function readValues(
  name: string,
  devices: readonly string[],
  host: Host,
): ReadonlyMap<string, number> | null {
  const found = devices.flatMap((device): [string, number][] => {
    const text = host.read(`${CONF}/${device}/${name}`);
    return text === null ? [] : [[device, Number(text)]];
  });
  return found.length === 0 ? null : new Map(found);
}
