import { formatNetwork, isInNetwork, type Network, parseNetwork } from "../ipv4.ts";
import type { Settings } from "../settings/settings.ts";
import { HIDING_DEVICE, type KernelState, type Observed } from "./state.ts";
import { DEFAULT_TUNNEL_NET } from "../settings/tunnel.ts";
import type { FoundRoute, Routes } from "../kernel_ports.ts";

/** Routes to shorter prefixes lead to everywhere, as the default route does: `0.0.0.0/1` and `128.0.0.0/1`. */
export const SHORTEST_IN_USE = 8;

/**
 * The networks that are connected or routed here, as far as it was asked for. A private address must be in none of them:
 * another host may have it.
 */
export class NetworksInUse {
  #found: Network[] = [];
  readonly #asked = new Set<string>();
  /** Addresses that have a route in the local table. */
  readonly #told = new Set<string>();
  /** Those routed into our own tunnels. */
  #settings: Settings | null = null;
  #routes: readonly Network[] = [];

  /** Those that are known. */
  of(settings: Settings): readonly Network[] {
    if (settings !== this.#settings) {
      this.#settings = settings;
      this.#routes = settings.peers.flatMap(({ routes }) => routes.map((route) => parseNetwork(route)!));
    }
    return [...this.#routes, ...this.#found].filter(({ length }) => length >= SHORTEST_IN_USE);
  }

  /** Routes have changed. */
  forget(): void {
    this.#found = [];
    this.#asked.clear();
    this.#told.clear();
  }

  /** Private addresses that this host is known by, although they should be hidden; see `HIDING_DEVICE`. */
  toldOf(altAddresses: KernelState["altAddresses"]): string[] {
    return [...this.#told].filter((ip) => altAddresses.get(ip) === HIDING_DEVICE);
  }

  /** They are hidden now. */
  hid(): void {
    this.#told.clear();
  }

  /** Finds the networks that addresses are in, unless that is known. @returns whether any is in one */
  ask(ips: Iterable<string>, routes: Pick<Routes, "findRoute">): boolean {
    const unknown = [...ips].filter((ip) => !this.#asked.has(ip));
    if (unknown.length === 0) return false;
    for (const ip of unknown) this.#asked.add(ip);
    const ways = findRoutes(unknown, routes);
    for (const { isLocal, network } of ways) if (isLocal) this.#told.add(network);
    const found = networksOf(ways).map(({ network }) => network);
    this.#found.push(...found);
    return unknown.some((ip) => found.some((network) => isInNetwork(ip, network)));
  }
}

/** A network that a route leads to. */
interface Route {
  readonly network: Network;
  /** Number of its device; null: it has none, or several. */
  readonly device: number | null;
}

function findRoutes(ips: readonly string[], routes: Pick<Routes, "findRoute">): FoundRoute[] {
  return ips.map((ip) => routes.findRoute(ip)).filter((route) => route !== null);
}

/** The networks that routes lead to, without default routes and this host's own addresses. */
function networksOf(routes: readonly FoundRoute[]): Route[] {
  return routes.filter(({ isLocal }) => !isLocal).flatMap(({ network: text, device }) => {
    const network = parseNetwork(text);
    return network !== null && network.length >= SHORTEST_IN_USE ? [{ network, device }] : [];
  });
}

/**
 * Describes which of the tunnel addresses of our default network are in networks that are in use here, a line for each
 * such network. Those routed into our own tunnels are not.
 */
export function describeInnerClashes(
  { peers, isOfMany }: Pick<Settings, "peers" | "isOfMany">,
  { ownIndexes, links }: Pick<Observed, "ownIndexes" | "links">,
  routes: Pick<Routes, "findRoute">,
): string[] {
  const net = parseNetwork(DEFAULT_TUNNEL_NET)!;
  const ips = [...new Set(peers.flatMap(({ tunnel: { ip, peerIp } }) => [ip, peerIp]))]
    .filter((ip) => isInNetwork(ip, net));
  if (ips.length === 0) return [];
  const others = networksOf(findRoutes(ips, routes)).filter(({ device }) => !ownIndexes.has(device ?? 0));
  const byNetwork = new Map(others.map((route) => [formatNetwork(route.network), route]));
  const cure = isOfMany ? "--tunl-net" : "--tunl-ip and --tunl-peer-ip";
  return [...byNetwork].flatMap(([text, { network, device }]) => {
    const [first, ...more] = ips.filter((ip) => isInNetwork(ip, network));
    if (first === undefined) return []; // The kernel does not answer so.
    const rest = more.length === 0 ? "" : ` and ${more.length} more`;
    const name = links.get(device ?? 0)?.name;
    return `tunnel address ${first}${rest}: ${text}${
      name === undefined ? "" : ` (dev ${name})`
    } is in use here, and its hosts with ` +
      `the same address are cut off; choose another ${cure}`;
  });
}
