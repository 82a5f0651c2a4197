import { EXIT, IpipouError } from "../errors.ts";
import type { Admission } from "../admission.ts";
import { formatIpv4, parseIpv4 } from "../ipv4.ts";
import type { Peer } from "../settings/settings.ts";
import { parseMark } from "./mark.ts";
import { type Observed, pairKey, type Tunnel } from "./state.ts";

/** Addresses in the network of the private addresses, a /16. */
const ALT_NETWORK_SIZE = 0x1_0000;

interface AvailableAddresses {
  readonly main: string;
  /** The first of the private addresses; the last is that of its /16. Null: a client, which has no gate to rewrite. */
  readonly firstAlt: string | null;
  /** Private addresses that belong to one peer by the settings, admitted or not. */
  readonly reserved: ReadonlySet<string>;
  readonly foreign: Pick<Observed["foreign"], "pairs" | "addresses">;
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
    const isAltForced = peer.forceAlt && addresses.firstAlt !== null;
    const local = !isAltForced && pairs.take(addresses.main, remote)
      ? addresses.main
      : pairs.takeAlt(peer, remote);
    if (local === null) faults.set(peer.name, noLocalError(peer, remote, addresses));
    else locals.set(peer.name, local);
  }
  return { locals, faults };
}

/** The local address that a peer's tunnel has and may keep; null: it has none. */
function addressKept(
  { altIp, forceAlt }: Peer,
  remote: string,
  tunnel: Tunnel | undefined,
  { main, firstAlt, foreign }: AvailableAddresses,
): string | null {
  if (tunnel?.remote.ip !== remote || firstAlt === null) return null;
  const { ip } = tunnel.local;
  if (ip === main) return forceAlt ? null : main;
  const isPrivate = (parseMark(tunnel.alias)?.privateAddress ?? null) !== null;
  // Others may have given the tunnel any address since it was marked.
  const isFromPool = isPrivate && !foreign.addresses.has(ip) && altNetworkOf(ip) === altNetworkOf(firstAlt);
  return (altIp === null ? isFromPool : ip === altIp) ? ip : null;
}

/** The first address of the /16 that an address is in. */
function altNetworkOf(ip: string): number {
  const address = parseIpv4(ip)!;
  return address - address % ALT_NETWORK_SIZE;
}

/** Gives out pairs of outer addresses, each to one device. */
class AddressPairs {
  readonly #taken: Set<string>;
  readonly #addresses: AvailableAddresses;
  readonly #firstAlt: number | null;
  /** The private address to try next, by remote address. */
  readonly #next = new Map<string, number>();

  constructor(addresses: AvailableAddresses) {
    this.#taken = new Set(addresses.foreign.pairs);
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
  takeAlt({ altIp }: Peer, remote: string): string | null {
    if (this.#firstAlt === null) return null;
    if (altIp !== null) return this.take(altIp, remote) ? altIp : null;
    const end = altNetworkOf(formatIpv4(this.#firstAlt)) + ALT_NETWORK_SIZE;
    for (let address = this.#next.get(remote) ?? this.#firstAlt; address < end; address++) {
      const ip = formatIpv4(address);
      this.#next.set(remote, address + 1);
      if (this.#isGivenOut(ip) && this.take(ip, remote)) return ip;
    }
    return null;
  }

  #isGivenOut(ip: string): boolean {
    const { main, reserved, foreign } = this.#addresses;
    return ip !== main && !reserved.has(ip) && !foreign.addresses.has(ip);
  }
}

function noLocalError(
  { name, altIp }: Peer,
  remote: string,
  { main, firstAlt }: AvailableAddresses,
): IpipouError {
  const why = firstAlt === null
    ? `another tunnel leads there from ${main}, and the kernel allows one for each pair of addresses; ` +
      "choose another --fou-local-ip"
    : altIp === null
    ? "all private addresses are in use"
    : `another tunnel leads there from its private address ${altIp}; choose another --fou-local-ip-alt`;
  return new IpipouError(`Cannot make the tunnel of ${name} to ${remote}: ${why}`, EXIT.ipLink);
}
