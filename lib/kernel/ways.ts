import { parseIpv4, parseNetwork } from "../ipv4.ts";
import type { DeviceChange, Way } from "../kernel_ports.ts";
import type { Link } from "./state.ts";

/** How many ways are kept that nobody asks for any more, at least. */
const SPARE = 64;

/** Asks the kernel for the way to each address; null: there is none. */
export type FindWays = (ips: readonly string[]) => readonly (Way | null)[];

/** The ways from one own address and device to far addresses. They hold until others change the kernel. */
export class Ways {
  readonly #links: ReadonlyMap<number, Link>;
  readonly #ways = new Map<string, Way | null>();
  readonly #mtus = new Map<string, number>();
  readonly #indexes = new Set<number>();
  /** The far addresses as numbers, ascending; null: not sorted yet. */
  #addresses: readonly number[] | null = null;

  /** @param links all devices */
  constructor(links: ReadonlyMap<number, Link>) {
    this.#links = links;
  }

  /** MTU of the way to each far address. */
  get mtus(): ReadonlyMap<string, number> {
    return this.#mtus;
  }

  /** Finds the ways that are not known yet. */
  find(far: readonly string[], find: FindWays): void {
    if (this.#ways.size > 2 * far.length + SPARE) this.#forget();
    const unknown = [...new Set(far)].filter((ip) => !this.#ways.has(ip));
    if (unknown.length === 0) return;
    for (const [index, way] of find(unknown).entries()) this.#add(unknown[index]!, way);
  }

  /** Whether a way is known to be a route in a table. */
  isListed(ip: string): boolean {
    return this.#ways.get(ip)?.isListed === true;
  }

  /** Whether a route to a network may be the way to some far address. @param network IP/LENGTH */
  isIn(network: string): boolean {
    const addresses = this.#addresses ??= Array.from(this.#ways.keys(), (ip) => parseIpv4(ip)!)
      .sort((a, b) => a - b);
    const { first, length } = parseNetwork(network)!;
    let [low, high] = [0, addresses.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (addresses[middle]! < first) low = middle + 1;
      else high = middle;
    }
    return low < addresses.length && addresses[low]! < first + 2 ** (32 - length);
  }

  /** Whether a device that some way leads through is no longer as it was. */
  isChangedBy({ index, isGone, isUp, mtu }: DeviceChange): boolean {
    if (!this.#indexes.has(index)) return false;
    const link = this.#links.get(index);
    return isGone || isUp !== link?.isUp || mtu !== link.mtu;
  }

  #add(ip: string, way: Way | null): void {
    this.#ways.set(ip, way);
    this.#addresses = null;
    if (way === null) return;
    this.#indexes.add(way.index);
    const device = this.#links.get(way.index)?.mtu;
    if (device !== undefined) this.#mtus.set(ip, Math.min(way.mtu ?? Infinity, device));
  }

  #forget(): void {
    this.#ways.clear();
    this.#mtus.clear();
    this.#indexes.clear();
    this.#addresses = null;
  }
}

/** No ways: nothing of ours depends on routes. */
export const NO_WAYS = new Ways(new Map());
