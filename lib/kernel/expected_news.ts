import { formatEndpoint } from "../packet.ts";
import type { DeviceChange, KernelChange } from "../kernel_ports.ts";
import type { Transition } from "./plan.ts";
import { type KernelState, routeKey } from "./state.ts";

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
    this.#keys = new Set(ip.flatMap(({ line }) => keysOf(line, from)));
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

/** Keys of what a line of `ip` changes. */
function keysOf(line: string, from: KernelState): string[] {
  const [object, verb, ...words] = line.split(" ");
  const prefix = verb === "delete" ? "gone " : "";
  switch (object) {
    case "link":
      return words[0] === "group" ? [] : linkKeys(words, from);
    case "address":
      return [`${prefix}address ${words[0]!.split("/")[0]}`];
    default:
      return [`${prefix}${object} ${words[0]}`];
  }
}

/** What `link add` and `link set` change. What is put into a group goes with it, and its address with it. */
function linkKeys([, name, ...words]: readonly string[], from: KernelState): string[] {
  const inner = from.tunnels.get(name!)?.inner;
  const gone = words[0] === "group" ? [`gone device ${name}`, `gone address ${inner?.ip}`] : [];
  return [`device ${name}`, ...gone];
}
