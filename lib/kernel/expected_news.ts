import { formatEndpoint } from "../packet.ts";
import type { DeviceChange, KernelChange } from "../kernel_ports.ts";
import type { Transition } from "./plan.ts";
import { type KernelState, routeKey } from "./state.ts";
import type { Step } from "./step.ts";

/** The news that the kernel sends while the steps of a plan are taken. */
export class ExpectedNews {
  /** Keys of devices, addresses and routes: see `changeKey`. */
  readonly #keys: ReadonlySet<string>;
  /** The latest news of each such device that exists, by name. */
  readonly #devices = new Map<string, DeviceChange>();
  /** nftables transactions of which there was no news yet. */
  #transactions: number;

  /** @param from the state that the plan begins with */
  constructor(from: KernelState, { close, ip, open }: Transition) {
    this.#keys = new Set(ip.flatMap((step) => keysOf(step, from)));
    this.#transactions = [close, open].filter(({ length }) => length > 0).length;
  }

  /** Notes a change. @returns whether it follows from our own */
  take(change: KernelChange): boolean {
    if (change.kind === "unknown" || change.kind === "rule") return false;
    if (change.kind === "table") return --this.#transactions >= 0;
    const isOurs = this.#keys.has(changeKey(change));
    if (isOurs && change.kind === "device") {
      if (change.isGone) this.#devices.delete(change.name);
      else this.#devices.set(change.name, change);
    }
    return isOurs;
  }

  /** The latest news of each of our devices that does not show it as we left it. */
  differencesFrom(desired: KernelState): DeviceChange[] {
    return [...this.#devices.values()].filter((news) => !isAsWanted(news, desired));
  }
}

/** Key of a change: its object, and whether that is gone. */
function changeKey(change: Exclude<KernelChange, { kind: "rule" | "table" | "unknown" }>): string {
  const prefix = change.isGone ? "gone " : "";
  switch (change.kind) {
    case "device":
      return `${prefix}device ${change.name}`;
    case "address":
      return `${prefix}address ${change.ip}`;
    case "route":
      return `${prefix}route ${routeKey(change.network)}`;
  }
}

function isAsWanted({ name, isUp, alias, mtu, outer }: DeviceChange, { tunnels }: KernelState): boolean {
  const tunnel = tunnels.get(name);
  if (tunnel === undefined) return true;
  const { local, remote, header } = tunnel;
  return isUp && alias === tunnel.alias && mtu === tunnel.mtu &&
    outer === `${formatEndpoint(local)} ${formatEndpoint(remote)} ${header}`;
}

/** Keys of what a step changes; `changeKey` makes the same of the news. */
function keysOf({ request, line }: Step, from: KernelState): string[] {
  switch (request?.kind) {
    case "link":
    case "new link":
      return [`device ${request.device}`];
    case "address":
      return [`${request.verb === "delete" ? "gone " : ""}address ${request.ip}`];
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
  return [`device ${name}`, `gone device ${name}`, `gone address ${from.tunnels.get(name)?.inner?.ip}`];
}
