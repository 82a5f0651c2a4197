import { findOutside, preferredSource } from "../daemon/outside.ts";
import { isHostIpv4, isInNetwork, parseNetwork } from "../ipv4.ts";
import { identityOf } from "../kernel/identity.ts";
import type { Outside } from "../kernel/member.ts";
import { sortOut } from "../kernel/observe.ts";
import type { Observed, Tunnel } from "../kernel/state.ts";
import { WILDCARD_DEVICE } from "../kernel/wildcards.ts";
import type { IpDevice, IpFou } from "../listing.ts";
import type { KernelReader, Routes } from "../kernel_ports.ts";
import type { System } from "../ports.ts";
import type { Peer, Settings } from "../settings/settings.ts";
import { inTime } from "../status/lines.ts";
import type { ForwardingFacts } from "./forwarding.ts";
import type { Host } from "../doctor_ports.ts";
import type { IpipFacts } from "./ipip.ts";
import type { PortFacts } from "./port.ts";
import { parseDropped, type ReversePathFacts } from "./reverse_path.ts";

/** What was seen of an instance and of what is around it. */
export interface InstanceFacts {
  readonly settings: Settings;
  readonly port: PortFacts;
  readonly ipip: IpipFacts;
  readonly reversePath: ReversePathFacts;
  readonly forwarding: ForwardingFacts;
}

/** What it is seen by. */
export interface InstanceSystem {
  readonly system: Pick<
    System,
    "clock" | "hasProgram" | "runProgram" | "openRoutes" | "openReader" | "isPortFree" | "resolve"
  >;
  readonly host: Host;
}

/** Milliseconds for a name to be resolved, and for `ss` to list sockets. */
const TIME_LIMIT = 5_000;
/** Most peers whose ways are looked at. */
const MOST_WAYS = 64;
const CONF = "/proc/sys/net/ipv4/conf";

/** Looks at what an instance has, and is to have. */
export async function gatherInstance(
  settings: Settings,
  { system, host }: InstanceSystem,
): Promise<InstanceFacts> {
  using reader = system.openReader();
  using routes = system.openRoutes();
  const { devices, routes: listed } = reader.lists({ routes: true });
  const fou = listFou(reader, host);
  const listing = { devices, routes: listed, fou: fou ?? [], nft: null };
  const observed = sortOut(listing, identityOf(settings), system.clock.now());
  const server = settings.mode === "client" ? await findServer(settings, system) : null;
  const outside = tryOutside(system, settings, observed, server);
  const sight: Sight = { settings, observed, devices, outside, server };
  return {
    settings,
    port: { ...portFacts(sight, system), fou, sockets: await listSockets(system) },
    ipip: ipipFacts(sight),
    reversePath: reversePathFacts(sight, routes, host),
    forwarding: forwardingFacts(settings, host),
  };
}

/** What all facts are made from. */
interface Sight {
  readonly settings: Settings;
  readonly observed: Observed;
  readonly devices: readonly IpDevice[];
  readonly outside: Outside | { readonly lack: string };
  /** A client's server's address; null: not a client, or it is not found. */
  readonly server: string | null;
}

/** Asking for them loads the module, so it is asked only where that is loaded. @returns null: they cannot be listed */
function listFou(reader: KernelReader, host: Host): readonly IpFou[] | null {
  const families = host.families();
  if (families?.has("fou") === false) return [];
  try {
    return reader.fouPorts() ?? [];
  } catch {
    return null;
  }
}

async function findServer(
  { peers }: Settings,
  { resolve, clock }: InstanceSystem["system"],
): Promise<string | null> {
  const host = peers[0]!.remote.host!;
  if (isHostIpv4(host)) return host;
  return await inTime(resolve(host), TIME_LIMIT, clock).catch(() => null);
}

function tryOutside(
  system: InstanceSystem["system"],
  settings: Settings,
  observed: Observed,
  server: string | null,
): Sight["outside"] {
  try {
    return findOutside(system, settings, observed, preferredSource(system, settings, server));
  } catch (error) {
    return { lack: (error as Error).message };
  }
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
  const dropped = parseDropped(host.read("/proc/net/netstat"));
  const tunnels = settings.peers.map(({ tunnel }) => tunnel.device);
  const unrouted = new Map(settings.peers.flatMap(unroutedOf));
  if ("lack" in outside) return { filters: null, dropped, device: null, ways: new Map(), tunnels, unrouted };
  const nameOf = new Map(devices.map(({ ifindex, ifname }) => [ifindex, ifname]));
  // The kernel's check knows neither a mark nor the device that sockets are bound to.
  const wayTo = (ip: string) => nameOf.get(routes.findWay(ip, outside.ip, null, 0)?.index ?? -1) ?? null;
  return {
    filters: readValues("rp_filter", ["all", "default", outside.device, ...tunnels], host),
    ways: new Map(remotesOf(observed, server).map((ip) => [ip, wayTo(ip)])),
    ...{ dropped, device: outside.device, tunnels, unrouted },
  };
}

/** Far outer addresses, as far as they are known. */
function remotesOf({ own: { tunnels } }: Observed, server: string | null): string[] {
  const isPlace = ({ remote }: Tunnel) => remote !== null && !remote.ip.startsWith("0.");
  const found = [...tunnels.values()].filter(isPlace).map(({ remote }) => remote!.ip);
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
