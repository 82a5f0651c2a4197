import type { IpFou, IpLists, NftTable } from "./listing.ts";
import type { ElementsRequest, ObjectRequest } from "./requests.ts";

/** A device as it is after a change of it. */
export interface DeviceChange {
  readonly kind: "device";
  /** The kernel's number for it, which stays when it is renamed. */
  readonly index: number;
  readonly name: string;
  readonly isGone: boolean;
  readonly isUp: boolean;
  /** "" where it has none. */
  readonly alias: string;
  readonly mtu: number;
  /** Of a tunnel in UDP, its outer ends and header: "LOCAL:PORT REMOTE:PORT", then as `outerHeader`; else "". */
  readonly outer: string;
}

/** What a transaction changed of an nftables table. */
export interface TableChange {
  readonly kind: "table";
  /** Names of the chains that were made or removed, or of which rules were; "" for the table itself. */
  readonly chains: readonly string[];
  /** Whether it made and changed nothing in the table. */
  readonly onlyRemoves: boolean;
}

/** Something that was made, changed or removed in the kernel, by us or by others. */
export type KernelChange =
  | DeviceChange
  /** An IPv4 address of a device. */
  | { readonly kind: "address"; readonly index: number; readonly ip: string; readonly isGone: boolean }
  /** An IPv4 route. @property network IP/LENGTH @property protocol who made it, see ip-route(8) */
  | {
    readonly kind: "route";
    readonly network: string;
    readonly protocol: number;
    readonly isGone: boolean;
  }
  /** A routing rule. */
  | { readonly kind: "rule" }
  /** One nftables transaction that touched the table that was asked for. Those that touched others are not told. */
  | TableChange
  /** Anything: there was more news than the kernel keeps for us, or some that cannot be read. */
  | { readonly kind: "unknown"; readonly of: "tables" | "others" };

/** The kernel's news of changes in this network namespace since it was opened. There is none of FOU ports. */
export interface KernelNews extends Disposable {
  /** The changes since the last call, in order; never waits. @throws {SysError} */
  changes(): readonly KernelChange[];
  /** Resolves when `changes()` has something to return, or `stop` is aborted. One waiter at a time. */
  wait(stop: AbortSignal): Promise<void>;
  /** Makes the receive buffer large enough for what is about to run. @param commands number of `ip` commands */
  makeRoom(commands: number): void;
}

/**
 * Reads what is in the kernel. It never waits for more than the kernel's own locks. All but `hasTunnels` throws what
 * `openRoutes()` does, with the kernel's answer as its `code` ("EPERM"), and an error without one when what it reads changes
 * all the time.
 */
export interface KernelReader extends Disposable {
  /** Whether the kernel has FOU and ipip devices, without loading those; false also where that cannot be told. */
  readonly hasTunnels: boolean;
  /** All devices with their IPv4 addresses, and the routes of the main table if they are wanted. */
  lists(wants: { readonly routes: boolean }): Omit<IpLists, "fou">;
  /** All FOU ports, latest first; the kernel leaves out some where there are many. Null: it has no FOU. It loads that. */
  fouPorts(): readonly IpFou[] | null;
  /**
   * An nftables table of the family ip. Asking for it loads nftables.
   *
   * @param isWanted whether a set's elements are to be listed
   * @returns null: the kernel has no nftables
   */
  table(name: string, isWanted: (set: string) => boolean): NftTable | null;
}

/** What to find a route for. */
export interface RouteQuery {
  /** IPv4 address. */
  readonly destination: string;
  /** The network device that packets leave by; null: as the routes say. */
  readonly device: string | null;
  /** Their firewall mark (fwmark), 0 to 2^32 - 1; 0: none. */
  readonly mark: number;
}

/** The way that packets take, by the kernel's routes. */
export interface Way {
  /** The kernel's number of the device. */
  readonly index: number;
  /** MTU that the route itself has; null: none. What the kernel learned of the path does not count. */
  readonly mtu: number | null;
  /** Whether it is a route in a table; else the kernel takes the far end for a neighbour. */
  readonly isListed: boolean;
}

/** A route as it is in its table. */
export interface FoundRoute {
  /** Whether it leads to this host. */
  readonly isLocal: boolean;
  /** IP/LENGTH, IP for a single address (also for one that leads to all hosts of a network), or "default". */
  readonly network: string;
  /** The kernel's number of its device; null: it has none, or several. */
  readonly device: number | null;
}

/** Packets through a network device since it was made. */
export interface PacketCounts {
  readonly received: number;
  readonly sent: number;
}

/** Packets and bytes through a network device since it was made. */
export interface TrafficCounts extends PacketCounts {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Asks the kernel for its routes, and for counts of devices; never waits. */
export interface Routes extends Disposable {
  /** @returns null: there is no such device @throws {SysError} */
  findCounts(device: string): TrafficCounts | null;
  /**
   * Finds the ways to IPv4 addresses. By a device that has no route there, one is a neighbour.
   *
   * @param source own address that the packets come from
   * @param device number of the device that they are bound to; null: none
   * @param mark their firewall mark; 0: none
   * @returns one for each; null: there is none
   * @throws {SysError}
   */
  findWays(
    destinations: readonly string[],
    source: string,
    device: number | null,
    mark: number,
  ): readonly (Way | null)[];
  /**
   * Finds the own address that the kernel would send from.
   *
   * @returns null: it has no route by the device, no such device, or no address
   * @throws {SysError}
   */
  findSource(query: RouteQuery): string | null;
  /** Finds the route to an IPv4 address; null: there is none, or it leads nowhere. @throws {SysError} */
  findRoute(destination: string): FoundRoute | null;
  /** Whether some routing rule asks for this source address. A kernel without rules has none. @throws {SysError} */
  hasRuleFor(source: string): boolean;
  /** Whether some routing rule asks for this mark, which is not 0. @throws {SysError} */
  hasRuleForMark(mark: number): boolean;
}

/** Which part of a transaction the kernel refused, and so all of it. */
export interface TransactionRefusal {
  /** Index of the request; null: none in particular. */
  readonly index: number | null;
  /** What the kernel says. */
  readonly said: string;
}

/** Changes the kernel without a program; never waits. */
export interface KernelWriter extends Disposable {
  /**
   * Makes changes in this order, all of them even if some are refused.
   *
   * @returns why the kernel refused each, in its words; null: it is done
   * @throws {SysError} it is unknown which are done
   */
  change(requests: readonly ObjectRequest[]): readonly (string | null)[];
  /**
   * Changes all elements in one transaction, or none.
   *
   * @returns what the kernel refused; empty: all is done
   * @throws {SysError} it is unknown whether it is done
   */
  transact(requests: readonly ElementsRequest[]): readonly TransactionRefusal[];
}
