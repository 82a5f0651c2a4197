import { formatNetwork, networkOf, parseIpv4, parseNetwork } from "../ipv4.ts";
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
 *   own packets past it; on a server, when it is any network
 */
export function chooseRoutes(given: Readonly<GivenValues>, mode: Settings["mode"]): readonly string[] {
  const { routes } = given;
  if (routes === undefined) return [];
  if (mode === "server" && routes.value.includes(ANY)) {
    throw new SettingsError(
      `Cannot use ${ANY} as ${routes.place} on a server: all that it sends would go to that peer; ` +
        `for what the peer may send, give --allowed-ips ${ANY}`,
    );
  }
  // A mark takes a routing rule, which can be looked for in the kernel only.
  const isLed = given.device !== undefined || (given.fouMark?.value ?? 0) !== 0;
  if (!isLed) refuseLoops(given);
  return [...new Set(routes.value.flatMap((route) => route === ANY ? HALVES : route))];
}

function refuseLoops({ routes, remoteHost, fallbacks }: Readonly<GivenValues>): void {
  const hosts = [remoteHost?.value ?? "", ...(fallbacks?.value ?? []).map(({ host }) => host)];
  const remotes = hosts.filter((host) => parseIpv4(host) !== null);
  for (const route of routes!.value) {
    const remote = remotes.find((ip) => isWithin(parseIpv4(ip)!, route));
    if (route !== ANY && remote === undefined) continue;
    const address = remote === undefined ? "" : ` ${remote}`;
    throw new SettingsError(
      `Cannot use ${route} as ${
        routes!.place
      }: it contains the peer's address${address}, so the tunnel's own ` +
        "packets would be routed into the tunnel; give the device that they leave by " +
        "(-b/--fou-local @DEVICE), or networks without that address",
    );
  }
}

function isWithin(address: number, network: string): boolean {
  const { first, length } = parseNetwork(network)!;
  return networkOf(address, length).first === first;
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
