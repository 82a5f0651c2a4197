import { formatNetwork, isInNetwork, networkOf, parseIpv4, parseNetwork } from "../ipv4.ts";
import { SettingsError } from "./errors.ts";
import type { GivenValues } from "./given.ts";
import type { Settings } from "./settings.ts";

const ANY = "0.0.0.0/0";
/** Together any network, and each longer than the default route, which stays as it is. */
const HALVES = ["0.0.0.0/1", "128.0.0.0/1"];

/**
 * Chooses the networks that are routed into a tunnel; any network becomes two halves.
 *
 * @throws {SettingsError} when one contains the peer's outer address, and neither a device nor a mark leads the tunnel's
 *   own packets past it; on a server, when they are any network
 */
export function chooseRoutes(given: Readonly<GivenValues>, mode: Settings["mode"]): readonly string[] {
  const { routes } = given;
  if (routes === undefined) return [];
  const any = [[ANY], HALVES].find((networks) => networks.every((network) => routes.value.includes(network)));
  if (mode === "server" && any !== undefined) {
    throw new SettingsError(
      `Cannot use ${
        any.join(" and ")
      } as ${routes.place} on a server: all that it sends would go to that peer; ` +
        `for what the peer may send, give --allowed-ips ${ANY}`,
    );
  }
  // A mark takes a routing rule, which can be looked for in the kernel only.
  const isLed = given.device !== undefined || (given.fouMark?.value ?? 0) !== 0;
  if (!isLed) refuseLoops(given, any);
  return [...new Set(routes.value.flatMap((route) => route === ANY ? HALVES : route))];
}

/** @param any the routes that together are any network, if there are such */
function refuseLoops(
  { routes, remoteHost, fallbacks }: Readonly<GivenValues>,
  any: readonly string[] | undefined,
): void {
  const hosts = [remoteHost?.value ?? "", ...(fallbacks?.value ?? []).map(({ host }) => host)];
  const remotes = hosts.filter((host) => parseIpv4(host) !== null);
  for (const networks of any === undefined ? routes!.value.map((route) => [route]) : [any]) {
    const remote = remotes.find((ip) => networks.some((network) => isInNetwork(ip, parseNetwork(network)!)));
    if (any === undefined && remote === undefined) continue;
    const address = remote === undefined ? "" : ` ${remote}`;
    throw new SettingsError(
      `Cannot use ${networks.join(" and ")} as ${
        routes!.place
      }: the peer's address${address} is in there, so ` +
        "the tunnel's own packets would be routed into the tunnel; give the device that they leave by " +
        "(-b/--fou-local @DEVICE), or networks without that address",
    );
  }
}

/**
 * Chooses the source networks of packets accepted from a tunnel, none within another.
 *
 * @param peerIp the peer's tunnel address, which is always among them
 * @param byDefault null: any network
 * @returns null: any network
 */
export function chooseAllowedIps(
  { allowedIps }: Readonly<GivenValues>,
  peerIp: string,
  byDefault: readonly string[] | null,
): readonly string[] | null {
  const networks = allowedIps?.value ?? byDefault;
  if (networks === null || networks.includes(ANY)) return null;
  const all = new Set([`${peerIp}/32`, ...networks]);
  const lengths = new Set([...all].map((network) => parseNetwork(network)!.length));
  return [...all].filter((network) => {
    const { first, length } = parseNetwork(network)!;
    const shorter = [...lengths].filter((other) => other < length);
    return !shorter.some((other) => all.has(formatNetwork(networkOf(first, other))));
  });
}
