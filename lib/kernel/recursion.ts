import type { Admission } from "../admission.ts";
import { formatNetwork, networkOf, parseIpv4, parseNetwork } from "../ipv4.ts";
import type { Peer } from "../settings/settings.ts";

/** A network that is routed into a peer's tunnel. */
interface InnerRoute {
  readonly network: string;
  readonly owner: string;
}

/**
 * Finds the peers whose far address lies in a network that is routed into a tunnel, by peer name. Where tunnels are not
 * bound to a device, all that is sent to such a peer would go into that tunnel, for ever if it is its own.
 */
export function findRecursions(
  peers: readonly Peer[],
  admissions: ReadonlyMap<string, Admission>,
): Map<string, InnerRoute> {
  const routes = new Map(
    peers.flatMap(({ name: owner, routes }) =>
      routes.map((network) => [formatNetwork(parseNetwork(network)!), { network, owner }] as const)
    ),
  );
  const lengths = [...new Set(routes.keys().map((network) => parseNetwork(network)!.length))];
  return new Map(peers.flatMap(({ name }) => {
    const address = parseIpv4(admissions.get(name)?.remote?.ip ?? "");
    if (address === null) return [];
    const keys = lengths.map((length) => formatNetwork(networkOf(address, length)));
    const found = keys.map((key) => routes.get(key)).find((route) => route !== undefined);
    return found === undefined ? [] : [[name, found] as const];
  }));
}
