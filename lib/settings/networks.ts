import { formatNetwork, networkOf, parseIpv4, parseNetwork } from "../ipv4.ts";
import { SettingsError } from "./errors.ts";
import type { GivenValues } from "./given.ts";

const ANY = "0.0.0.0/0";

/**
 * Chooses the networks that are routed into a tunnel.
 *
 * @throws {SettingsError} when one contains the peer's outer address
 */
export function chooseRoutes({ routes, remoteHost, fallbacks }: Readonly<GivenValues>): readonly string[] {
  if (routes === undefined) return [];
  const hosts = [remoteHost?.value ?? "", ...(fallbacks?.value ?? []).map(({ host }) => host)];
  const remotes = hosts.filter((host) => parseIpv4(host) !== null);
  for (const route of routes.value) {
    const remote = remotes.find((ip) => isWithin(parseIpv4(ip)!, route));
    if (route !== ANY && remote === undefined) continue;
    const address = remote === undefined ? "" : ` ${remote}`;
    throw new SettingsError(
      `Cannot use ${route} as ${routes.place}: it contains the peer's address${address}, so the tunnel's own ` +
        "packets would be routed into the tunnel; give networks without that address",
    );
  }
  return routes.value;
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
