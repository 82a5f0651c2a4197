import type { Admission } from "../admission.ts";
import { formatNetwork, networkOf, parseIpv4, parseNetwork } from "../ipv4.ts";
import type { Tunnel } from "./state.ts";
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

/** A tunnel to whose far inner address another tunnel's packets go, or its own. */
interface InnerHost {
  /** The peer that has it. */
  readonly owner: Peer;
  /** A peer that is at this very address outside. */
  readonly guest: string;
}

/**
 * Finds the peers whose far address is the inner address of a tunnel, by the name of the one that is to have no tunnel:
 * all that is sent there would go into the tunnel that has it. A tunnel that has it already stays, as the other peer may
 * only pretend to be there.
 *
 * @param standing tunnels that there are, by device name
 */
export function findInnerHosts(
  peers: readonly Peer[],
  admissions: ReadonlyMap<string, Admission>,
  standing: ReadonlyMap<string, Tunnel>,
): Map<string, InnerHost> {
  const guests = Map.groupBy(peers, ({ name }) => admissions.get(name)?.remote?.ip);
  return new Map(peers.flatMap((owner) => {
    const { name, tunnel: { device, peerIp } } = owner;
    const names = guests.get(peerIp)?.map(({ name }) => name) ?? [];
    const isThere = standing.get(device)?.inner?.peerIp === peerIp;
    const out = names.length === 0 ? [] : !isThere || names.includes(name) ? [name] : names;
    return out.map((each) => [each, { owner, guest: each === name ? names[0]! : each }] as const);
  }));
}
