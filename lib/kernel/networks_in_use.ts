import { formatNetwork, isInNetwork, type Network, parseNetwork } from "../ipv4.ts";
import type { Settings } from "../settings/settings.ts";
import { HIDING_DEVICE, type KernelState } from "./state.ts";
import { DEFAULT_TUNNEL_NET } from "../settings/tunnel.ts";
import type { FoundRoute } from "./listing.ts";
import { readFoundRoutes } from "./read_listing.ts";
import { parseIpLists, type Runner } from "./runner.ts";

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
  async ask(ips: Iterable<string>, runner: Pick<Runner, "ask">): Promise<boolean> {
    const unknown = [...ips].filter((ip) => !this.#asked.has(ip));
    if (unknown.length === 0) return false;
    for (const ip of unknown) this.#asked.add(ip);
    const routes = await findRoutes(unknown, runner);
    for (const { type, dst } of routes) if (type === "local") this.#told.add(dst);
    const found = networksOf(routes).map(({ network }) => network);
    this.#found.push(...found);
    return unknown.some((ip) => found.some((network) => isInNetwork(ip, network)));
  }
}

/** A network that a route leads to. */
interface Route {
  readonly network: Network;
  /** "" where it has none, or several. */
  readonly device: string;
}

async function findRoutes(ips: readonly string[], runner: Pick<Runner, "ask">): Promise<FoundRoute[]> {
  const printed = await runner.ask(ips.map((ip) => `route get fibmatch ${ip}`));
  const lines = printed.split("\n").filter(Boolean);
  if (lines.length === 0) return [];
  return parseIpLists(lines.join("\n"), lines.length).flatMap(readFoundRoutes);
}

/** The networks that routes lead to, without default routes and those that lead nowhere. */
function networksOf(routes: readonly FoundRoute[]): Route[] {
  return routes
    .filter(({ type }) => type === "unicast")
    .flatMap(({ dst, device }) => {
      const network = parseNetwork(dst);
      return network !== null && network.length >= SHORTEST_IN_USE ? [{ network, device }] : [];
    });
}

/**
 * Describes which of the tunnel addresses of our default network are in networks that are in use here, a line for each
 * such network.
 *
 * @param own names of our tunnel devices
 */
export async function describeInnerClashes(
  { peers, isOfMany }: Pick<Settings, "peers" | "isOfMany">,
  own: ReadonlySet<string>,
  runner: Pick<Runner, "ask">,
): Promise<string[]> {
  const net = parseNetwork(DEFAULT_TUNNEL_NET)!;
  const ips = [...new Set(peers.flatMap(({ tunnel: { ip, peerIp } }) => [ip, peerIp]))]
    .filter((ip) => isInNetwork(ip, net));
  if (ips.length === 0) return [];
  const routes = networksOf(await findRoutes(ips, runner)).filter(({ device }) => !own.has(device));
  const byNetwork = new Map(routes.map((route) => [formatNetwork(route.network), route]));
  const cure = isOfMany ? "--tunl-net" : "--tunl-ip and --tunl-peer-ip";
  return [...byNetwork].map(([text, { network, device }]) => {
    const [first, ...more] = ips.filter((ip) => isInNetwork(ip, network));
    const others = more.length === 0 ? "" : ` and ${more.length} more`;
    return `tunnel address ${first}${others}: ${text}${
      device && ` (dev ${device})`
    } is in use here, and its hosts with ` +
      `the same address are cut off; choose another ${cure}`;
  });
}
