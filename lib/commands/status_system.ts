import { listStanding } from "../kernel/standing.ts";
import type { IpDevice } from "../listing.ts";
import type { KernelReader, Routes, TrafficCounts } from "../kernel_ports.ts";
import type { Clock, StatusConnection } from "../ports.ts";

/** What the command needs from the system. */
export interface StatusSystem {
  readonly clock: Clock;
  /** Paths of the sockets that instances have or left. */
  readonly sockets: () => readonly string[];
  /** @returns null: nobody is there @throws {Error} when it may not */
  readonly connect: (path: string) => Promise<StatusConnection | null>;
  /** The tunnel devices that have an instance's mark, by its name. @throws {Error} */
  readonly standing: () => ReadonlyMap<string, readonly IpDevice[]>;
  readonly countsOf: (device: string) => TrafficCounts | null;
  /** Process id of the one that runs the instance of this name here; null: nobody does. */
  readonly holderOf: (name: string) => number | null;
  /** The instance's name by the settings of /etc/ipipou/NAME.toml; null: there are none, or they cannot be read. */
  readonly instanceOf: (config: string) => string | null;
}

/** How instances' sockets are found. */
interface Sockets {
  readonly list: StatusSystem["sockets"];
  readonly connect: StatusSystem["connect"];
}

/** Makes what the command needs of the real system, or of a fake one. */
export function statusSystem(
  clock: Clock,
  reader: KernelReader,
  routes: Routes,
  { list, connect }: Sockets,
  { holderOf, instanceOf }: Pick<StatusSystem, "holderOf" | "instanceOf">,
): StatusSystem {
  return {
    ...{ clock, sockets: list, connect, holderOf, instanceOf },
    standing: () => listStanding(reader),
    countsOf: (device) => routes.findCounts(device),
  };
}
