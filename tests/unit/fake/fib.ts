import { formatIpv4, parseIpv4 } from "../../../lib/ipv4.ts";
import type { Changes } from "./changes.ts";
import type { FakeAddress, FakeDevice, Links } from "./links.ts";
import { Refused } from "./refused.ts";

/** A route of the main table. */
export interface FakeRoute {
  /** IP/LENGTH, or just IP if the length is 32, or "default". */
  readonly dst: string;
  /** Number of its device. */
  readonly device: number;
  readonly protocol: number;
  readonly metric: number | null;
  readonly via: string | null;
  /** The source address of packets that take this route. */
  readonly source: string | null;
  readonly mtu: number | null;
}

/** The protocol of routes that the kernel makes. */
const KERNEL = 2;
const SCOPES = { global: 0, link: 253, host: 254 } as const;

/** IPv4 addresses and the main routing table of a fake kernel. */
export class Fib {
  /** In the order in which they were made. */
  readonly routes: FakeRoute[] = [];
  /** Addresses of this host that have no route in the local table. */
  readonly hidden = new Set<string>();
  readonly #changes: Changes;

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  /** @throws {Refused} */
  addAddress(device: FakeDevice, fields: Omit<FakeAddress, "isSecondary">): void {
    const { addresses } = device;
    const alike = addresses.filter((other) => isSameNetwork(other, fields));
    if (alike.some(({ local }) => local === fields.local)) {
      throw new Refused("Error: ipv4: Address already assigned.");
    }
    const address = { ...fields, isSecondary: alike.length > 0 };
    const before = addresses.findLastIndex(({ isSecondary, scope }) =>
      address.isSecondary || !isSecondary && SCOPES[fields.scope] <= SCOPES[scope]
    );
    addresses.splice(before + 1, 0, address);
    this.hidden.delete(address.local);
    this.#changes.tell({ kind: "address", index: device.index, ip: address.local, isGone: false });
    this.#tellRoute(KERNEL, address.local); // the kernel's route in the local table
    if (device.up) this.#addPrefix(device, address);
  }

  /** @throws {Refused} */
  deleteAddress(
    device: FakeDevice,
    { local, peer, length }: Omit<FakeAddress, "isSecondary" | "scope">,
  ): void {
    const address = device.addresses.find((other) =>
      other.local === local && other.length === length && other.peer === peer
    );
    if (address === undefined) throw new Refused("Error: ipv4: Address not found.");
    const followers = address.isSecondary
      ? []
      : device.addresses.filter((other) => other.isSecondary && isSameNetwork(other, address));
    for (const gone of [...followers, address]) this.#dropAddress(device, gone);
  }

  /** Adds the routes that come with a device's addresses once it is up. */
  raised(device: FakeDevice): void {
    for (const address of device.addresses) {
      this.hidden.delete(address.local);
      this.#addPrefix(device, address);
    }
  }

  /** Adds the route of an address to the local table, or deletes it. @throws {Refused} */
  changeLocalRoute(verb: string, ip: string): void {
    if (verb === "delete" && this.hidden.has(ip)) throw Refused.answer("No such process");
    if (verb === "delete") this.hidden.add(ip);
    else this.hidden.delete(ip);
    this.#tellRoute(KERNEL, ip, verb === "delete");
  }

  /** Drops a device's routes. The kernel sends no notifications about these. */
  lowered({ index }: FakeDevice): void {
    this.#remove(({ device }) => device === index);
  }

  leaving(device: FakeDevice): void {
    for (const address of [...device.addresses]) this.#dropAddress(device, address);
  }

  /** @throws {Refused} */
  addRoute(links: Links, route: FakeRoute, isReplacing: boolean): void {
    if (!links.byIndex(route.device)!.up) throw new Refused("Error: Device for nexthop is not up.");
    const index = this.routes.findIndex(({ dst, metric }) => dst === route.dst && metric === route.metric);
    if (index < 0) this.routes.push(route);
    else if (!isReplacing) throw Refused.answer("File exists");
    else if (isSameRoute(this.routes[index]!, route)) return;
    else this.routes[index] = route;
    this.#tellRoute(route.protocol, route.dst);
  }

  /** @throws {Refused} */
  deleteRoute({ dst, device, protocol }: Pick<FakeRoute, "dst" | "device" | "protocol">): void {
    const isIt = (route: FakeRoute) =>
      route.dst === dst && route.device === device && route.protocol === protocol;
    const index = this.routes.findIndex(isIt);
    if (index < 0) throw Refused.answer("No such process");
    this.routes.splice(index, 1);
    this.#tellRoute(protocol, dst, true);
  }

  /** The route that a packet to `ip` takes, among those whose devices are up. @param link its device; null: any */
  lookup(ip: string, link: number | null = null): FakeRoute | null {
    const address = parseIpv4(ip)!;
    let [best, bestLength] = [null as FakeRoute | null, -1];
    for (const route of this.routes) {
      if (link !== null && route.device !== link) continue;
      const [network, length] = networkOf(route.dst);
      const isBetter = length > bestLength ||
        length === bestLength && (route.metric ?? 0) < (best!.metric ?? 0);
      if (isBetter && isIn(address, network, length)) [best, bestLength] = [route, length];
    }
    return best;
  }

  #addPrefix({ index }: FakeDevice, address: FakeAddress): void {
    const { local, peer, length, isSecondary } = address;
    const dst = prefixOf(address);
    if (isSecondary || peer.startsWith("127.") || dst === local) return;
    if (this.routes.some((route) => route.dst === dst && route.device === index && route.source === local)) {
      return;
    }
    this.routes.push({
      dst,
      device: index,
      protocol: KERNEL,
      metric: null,
      via: null,
      source: local,
      mtu: null,
    });
    this.#tellRoute(KERNEL, dst);
    if (length < 31) this.#tellRoute(KERNEL, dst); // for broadcasts, in the local table
  }

  #dropAddress(device: FakeDevice, address: FakeAddress): void {
    const { addresses, index } = device;
    addresses.splice(addresses.indexOf(address), 1);
    this.#changes.tell({ kind: "address", index, ip: address.local, isGone: true });
    const dst = prefixOf(address);
    const isPrefix = (route: FakeRoute) =>
      route.dst === dst && route.device === index && route.protocol === KERNEL &&
      route.source === address.local;
    if (!addresses.some((other) => !other.isSecondary && isSameNetwork(other, address))) {
      for (let count = this.#remove(isPrefix); count > 0; count--) this.#tellRoute(KERNEL, dst, true);
    }
    this.#tellRoute(KERNEL, address.local, true);
    if (addresses.length === 0) this.#remove(({ device }) => device === index);
    if (!addresses.some(({ local }) => local === address.local)) {
      this.#remove(({ source, device }) => source === address.local && device === index);
    }
  }

  #remove(isGone: (route: FakeRoute) => boolean): number {
    const kept = this.routes.filter((route) => !isGone(route));
    const count = this.routes.length - kept.length;
    if (count > 0) this.routes.splice(0, this.routes.length, ...kept);
    return count;
  }

  #tellRoute(protocol: number, dst: string, isGone = false): void {
    const network = dst === "default" ? "0.0.0.0/0" : dst.includes("/") ? dst : `${dst}/32`;
    this.#changes.tell({ kind: "route", network, protocol, isGone });
  }
}

/** A network as numbers: its first address, and its prefix length. */
export function networkOf(text: string): readonly [network: number, length: number] {
  if (text === "default") return [0, 0];
  const [ip, length = "32"] = text.split("/");
  return [parseIpv4(ip!)!, Number(length)];
}

/** Whether an address is in a network, both as numbers. */
export function isIn(address: number, network: number, length: number): boolean {
  return length === 0 || (address ^ network) >>> (32 - length) === 0;
}

/** The network of an address, as `ip route` writes it. */
function prefixOf({ peer, length }: Pick<FakeAddress, "peer" | "length">): string {
  if (length === 32) return peer;
  const size = 2 ** (32 - length);
  const address = parseIpv4(peer)!;
  return `${formatIpv4(address - address % size)}/${length}`;
}

function isSameNetwork(
  a: Pick<FakeAddress, "peer" | "length">,
  b: Pick<FakeAddress, "peer" | "length">,
): boolean {
  return a.length === b.length && isIn(parseIpv4(a.peer)!, parseIpv4(b.peer)!, a.length);
}

function isSameRoute(a: FakeRoute, b: FakeRoute): boolean {
  return a.device === b.device && a.protocol === b.protocol && a.via === b.via && a.source === b.source &&
    a.mtu === b.mtu;
}
