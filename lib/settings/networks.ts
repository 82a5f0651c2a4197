import { formatNetwork, networkOf, parseIpv4, parseNetwork } from "../ipv4.ts";
import { SettingsError } from "./errors.ts";
import type { GivenValues } from "./given.ts";

const ANY = "0.0.0.0/0";

/**
 * Chooses what is reached through a tunnel.
 *
 * @throws {SettingsError} when the tunnel's own packets would be reached so too
 */
export function chooseRoutes({ routes, remoteHost }: Readonly<GivenValues>): readonly string[] {
  if (routes === undefined) return [];
  const remote = parseIpv4(remoteHost?.value ?? "");
  for (const route of routes.value) {
    const isOnTheWay = route === ANY || remote !== null && isWithin(remote, route);
    if (!isOnTheWay) continue;
    const which = remote === null
      ? "the far side's address is"
      : `the far side's address ${remoteHost?.value} is`;
    throw new SettingsError(
      `Cannot use ${route} as ${routes.place}: ${which} in it, and the tunnel's own packets would go ` +
        "into the tunnel; give networks without that address",
    );
  }
  return routes.value;
}

function isWithin(address: number, network: string): boolean {
  const { first, length } = parseNetwork(network)!;
  return networkOf(address, length).first === first;
}

/**
 * Chooses what packets out of a tunnel may come from, no network within another.
 *
 * @param peerIp the far side's address in the tunnel, which is always among them
 * @param byDefault null: any
 * @returns null: any
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
