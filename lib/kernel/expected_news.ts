import { formatEndpoint } from "../packet.ts";
import type { DeviceChange, KernelChange } from "../kernel_ports.ts";
import { TABLE_ITSELF } from "./gate_watch.ts";
import type { Transition } from "./plan.ts";
import { type KernelState, routeKey } from "./state.ts";
import type { Step } from "./step.ts";

/** The news that the kernel sends while the steps of a plan are taken. */
export class ExpectedNews {
  /** Keys of devices, addresses and routes: see `keyOf`. */
  readonly #keys: ReadonlySet<string>;
  /** Names of devices by number. */
  readonly #names: Map<number, string>;
  /** The latest news of each such device that exists, by name. */
  readonly #devices = new Map<string, DeviceChange>();
  /** The chains that each nftables transaction changes, of those of which there was no news yet, in order. */
  readonly #transactions: ReadonlySet<string>[];

  /** @param from the state that the plan begins with @param names of devices by number, as far as they are known */
  constructor(from: KernelState, { close, ip, open }: Transition, names: ReadonlyMap<number, string>) {
    this.#names = new Map(names);
    this.#keys = new Set(ip.flatMap((step) => keysOf(step, from)));
    this.#transactions = [close, open].filter(({ length }) => length > 0).map(chainsOf);
  }

  /** Notes a change. @returns whether it follows from our own */
  take(change: KernelChange): boolean {
    if (change.kind === "unknown" || change.kind === "rule") return false;
    if (change.kind === "table") return this.#takeTransaction(new Set(change.chains));
    if (change.kind === "device") this.#names.set(change.index, change.name);
    const isOurs = this.#keys.has(this.#keyOf(change));
    if (isOurs && change.kind === "device") {
      if (change.isGone) this.#devices.delete(change.name);
      else this.#devices.set(change.name, change);
    }
    return isOurs;
  }

  /** Key of a change: its object, and whether that is gone. All tunnels of a hub may have one address. */
  #keyOf(change: Exclude<KernelChange, { kind: "rule" | "table" | "unknown" }>): string {
    const prefix = change.isGone ? "gone " : "";
    switch (change.kind) {
      case "device":
        return `${prefix}device ${change.name}`;
      case "address":
        return `${prefix}address ${this.#names.get(change.index)} ${change.ip}`;
      case "route":
        return `${prefix}route ${routeKey(change.network)}`;
    }
  }

  /**
   * Others' change of elements may pass for one of ours. Then ours does not, and all elements are looked at. Not so with
   * rules, of which a look does not show what they say.
   */
  #takeTransaction(chains: ReadonlySet<string>): boolean {
    const isOfElements = chains.size === 0;
    const index = this.#transactions.findIndex((ours) =>
      isOfElements ? ours.size === 0 : chains.isSubsetOf(ours)
    );
    this.#transactions.splice(0, index + 1);
    return index >= 0;
  }

  /** The latest news of each of our devices that does not show it as we left it. */
  differencesFrom(desired: KernelState): DeviceChange[] {
    return [...this.#devices.values()].filter((news) => !isAsWanted(news, desired));
  }
}

/** The chains that steps of nftables change, or make, or change rules of; TABLE_ITSELF for the table. */
function chainsOf(steps: readonly Step[]): Set<string> {
  return new Set(steps.flatMap(({ request, line }) => {
    if (request !== null) return [];
    const [, kind, chain] = /^\w+ (table|chain|rule) ip \S+(?: (\S+))?/.exec(line) ?? [];
    return kind === undefined ? [] : [kind === "table" ? TABLE_ITSELF : chain!];
  }));
}

function isAsWanted({ name, isUp, alias, mtu, outer }: DeviceChange, { tunnels }: KernelState): boolean {
  const tunnel = tunnels.get(name);
  if (tunnel === undefined) return true;
  const { local, remote, header } = tunnel;
  return isUp && alias === tunnel.alias && mtu === tunnel.mtu &&
    outer === `${formatEndpoint(local)} ${formatEndpoint(remote)} ${header}`;
}

/** Keys of what a step changes; `#keyOf` makes the same of the news. */
function keysOf({ request, line }: Step, from: KernelState): string[] {
  switch (request?.kind) {
    case "link":
    case "new link":
      return [`device ${request.device}`];
    case "address":
      return [`${request.verb === "delete" ? "gone " : ""}address ${request.device} ${request.ip}`];
    case "route":
      return [`${request.verb === "delete" ? "gone " : ""}route ${request.network}`];
    case "local route":
    case "fou":
    case "elements":
      return [];
    case undefined:
      return doomedKeys(line, from);
  }
}

/** Keys of a device that is put into a group to go with it: its address goes with it. */
function doomedKeys(line: string, from: KernelState): string[] {
  const name = /^link set dev (\S+) group /.exec(line)?.[1];
  if (name === undefined) return [];
  return [
    `device ${name}`,
    `gone device ${name}`,
    `gone address ${name} ${from.tunnels.get(name)?.inner?.ip}`,
  ];
}
