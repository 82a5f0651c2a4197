import { EXIT, IpipouError } from "../errors.ts";
import type { Admission } from "../admission.ts";
import { formatIpv4, formatNetwork, isInNetwork, type Network, parseIpv4 } from "../ipv4.ts";
import type { Peer } from "../settings/settings.ts";
import { parseMark } from "./mark.ts";
import { type Observed, pairKey, type Tunnel } from "./state.ts";

interface AvailableAddresses {
  readonly main: string;
  /** The first of the private addresses. Null: a client, which has no gate to rewrite. */
  readonly firstAlt: string | null;
  /** The network of the private addresses. */
  readonly privateNet: Network;
  /** Networks that are in use: other hosts may have their addresses. */
  readonly inUse: readonly Network[];
  /** Private addresses that belong to one peer by the settings, admitted or not. */
  readonly reserved: ReadonlySet<string>;
  readonly foreign: Pick<Observed["foreign"], "pairs" | "addresses">;
  /** `pairKey` of tunnels of ours that stay as they are. */
  readonly taken?: readonly string[];
  /** By `pairKey`: those that devices in other network namespaces have. */
  readonly elsewhere?: ReadonlyMap<string, unknown>;
}

/** Local addresses, and why some peers have none, by peer name. */
interface Layout {
  readonly locals: ReadonlyMap<string, string>;
  readonly faults: ReadonlyMap<string, IpipouError>;
}

/**
 * Decides which local address each admitted peer's tunnel has. The kernel tells ipip devices apart only by the pair of
 * outer addresses. So of the peers behind one address one can have the main address, and no two the same private
 * address. A peer keeps its local address while its far address stays, so that no peer's coming or going moves another.
 * Parked peers have none.
 *
 * @param tunnels those that stand, by device name
 */
export function assignLocals(
  peers: readonly Peer[],
  admissions: ReadonlyMap<string, Admission>,
  tunnels: ReadonlyMap<string, Tunnel>,
  addresses: AvailableAddresses,
): Layout {
  const pairs = new AddressPairs(addresses);
  const locals = new Map<string, string>();
  const faults = new Map<string, IpipouError>();
  const newcomers: { readonly peer: Peer; readonly remote: string }[] = [];
  for (const peer of peers) {
    const remote = admissions.get(peer.name)?.remote?.ip;
    if (remote === undefined) continue;
    const kept = addressKept(peer, remote, tunnels.get(peer.tunnel.device), addresses);
    if (kept !== null && pairs.take(kept, remote)) locals.set(peer.name, kept);
    else newcomers.push({ peer, remote });
  }
  for (const { peer, remote } of newcomers) {
    const isAltForced = needsAlt(peer) && addresses.firstAlt !== null;
    const local = !isAltForced && pairs.take(addresses.main, remote)
      ? addresses.main
      : pairs.takeAlt(peer, remote);
    if (local === null) faults.set(peer.name, noLocalError(peer, remote, addresses));
    else locals.set(peer.name, local);
  }
  return { locals, faults };
}

/** With the main address its device would take the IPIP without FOU that is to be left to others. */
function needsAlt({ forceAlt, sharedIpip }: Peer): boolean {
  return forceAlt || sharedIpip;
}

/** The local address that a peer's tunnel has and may keep; null: it has none. */
function addressKept(
  peer: Peer,
  remote: string,
  tunnel: Tunnel | undefined,
  addresses: AvailableAddresses,
): string | null {
  const { main, firstAlt, privateNet, foreign, reserved } = addresses;
  const altIp = ownAlt(peer, addresses);
  if (tunnel?.remote.ip !== remote || firstAlt === null) return null;
  const { ip } = tunnel.local;
  if (ip === main) return needsAlt(peer) ? null : main;
  const isPrivate = (parseMark(tunnel.alias)?.privateAddress ?? null) !== null;
  // Others may have given the tunnel any address since it was marked.
  const isFromPool = isPrivate && !foreign.addresses.has(ip) && !reserved.has(ip) &&
    isInNetwork(ip, privateNet);
  const isKept = (altIp === null ? isFromPool : ip === altIp) && networkInUse(ip, addresses) === undefined;
  return isKept ? ip : null;
}

/** The network in use that an address is in. What others gave this host is not looked up. */
function networkInUse(ip: string, { inUse }: AvailableAddresses): Network | undefined {
  return inUse.find((network) => isInNetwork(ip, network));
}

/** The private address that is a peer's own; null: any will do, also where the first one is in use. */
function ownAlt({ altIp }: Peer, addresses: AvailableAddresses): string | null {
  const isFirst = altIp === addresses.firstAlt;
  return altIp !== null && isFirst && networkInUse(altIp, addresses) !== undefined ? null : altIp;
}

/** Gives out pairs of outer addresses, each to one device. */
class AddressPairs {
  readonly #taken: Set<string>;
  readonly #addresses: AvailableAddresses;
  readonly #firstAlt: number | null;
  /** The private address to try next, by remote address. */
  readonly #next = new Map<string, number>();

  constructor(addresses: AvailableAddresses) {
    const { foreign, taken = [], elsewhere = new Map() } = addresses;
    this.#taken = new Set([...foreign.pairs, ...taken, ...elsewhere.keys()]);
    this.#addresses = addresses;
    this.#firstAlt = addresses.firstAlt === null ? null : parseIpv4(addresses.firstAlt);
  }

  /** Takes a pair. @returns whether it was free */
  take(local: string, remote: string): boolean {
    const pair = pairKey(local, remote);
    if (this.#taken.has(pair)) return false;
    this.#taken.add(pair);
    return true;
  }

  /** Takes a pair with a private address: the peer's own, or the first free one. */
  takeAlt(peer: Peer, remote: string): string | null {
    if (this.#firstAlt === null) return null;
    const altIp = ownAlt(peer, this.#addresses);
    if (altIp !== null) {
      return networkInUse(altIp, this.#addresses) === undefined && this.take(altIp, remote) ? altIp : null;
    }
    const end = lastOf(this.#addresses.privateNet) + 1;
    for (let address = this.#next.get(remote) ?? this.#firstAlt; address < end; address++) {
      const ip = formatIpv4(address);
      const network = networkInUse(ip, this.#addresses);
      if (network !== undefined) address = lastOf(network);
      this.#next.set(remote, address + 1);
      if (network !== undefined) continue;
      if (this.#isGivenOut(ip) && this.take(ip, remote)) return ip;
    }
    return null;
  }

  #isGivenOut(ip: string): boolean {
    const { main, reserved, foreign } = this.#addresses;
    return ip !== main && !reserved.has(ip) && !foreign.addresses.has(ip);
  }
}

/** The last address of a network, as a number. */
function lastOf({ first, length }: Network): number {
  return first + 2 ** (32 - length) - 1;
}

function noLocalError(peer: Peer, remote: string, addresses: AvailableAddresses): IpipouError {
  const { name } = peer;
  const { main, firstAlt, elsewhere, privateNet } = addresses;
  const altIp = ownAlt(peer, addresses);
  const network = altIp === null ? undefined : networkInUse(altIp, addresses);
  const why = firstAlt === null && elsewhere?.has(pairKey(main, remote))
    ? `a tunnel device from ${main} was moved to another network namespace, and the kernel allows one for each pair of ` +
      "addresses; delete it there (ip -n NETNS link delete NAME), or move it back"
    : firstAlt === null
    ? `another tunnel leads there from ${main}, and the kernel allows one for each pair of addresses; ` +
      "choose another --fou-local-ip"
    : altIp === null
    ? `all private addresses of ${formatNetwork(privateNet)} are in use; choose another --fou-private-net`
    : network !== undefined
    ? `its private address ${altIp} is in ${formatNetwork(network)}, which is in use here; choose another ` +
      "--fou-local-ip-alt"
    : `another tunnel leads there from its private address ${altIp}; choose another --fou-local-ip-alt`;
  return new IpipouError(`Cannot make the tunnel of ${name} to ${remote}: ${why}`, EXIT.ipLink);
}
