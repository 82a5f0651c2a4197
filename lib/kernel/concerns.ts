import { isInNetwork, parseNetwork } from "../ipv4.ts";
import type { DeviceChange, KernelChange } from "../kernel_ports.ts";
import type { Settings } from "../settings/settings.ts";
import type { Outside } from "./member.ts";
import { SHORTEST_IN_USE } from "./networks_in_use.ts";
import { type KernelState, type Observed, ROUTE_PROTOCOL } from "./state.ts";
import type { Ways } from "./ways.ts";
import { WILDCARD_DEVICE } from "./wildcards.ts";

/** What an instance has in the kernel, and what that stands on. */
export interface Ground {
  readonly settings: Settings;
  readonly outside: Outside | null;
  /** The result of the last change that succeeded. */
  readonly written: KernelState;
  readonly observed: Observed | null;
  /** Numbers of our devices. */
  readonly indexes: ReadonlySet<number>;
  readonly ways: Ways;
}

/** Whether a change by others may concern our objects, or the outside they depend on. */
export function concerns(change: KernelChange, ground: Ground): boolean {
  const { settings: { local }, outside: own, written: { tunnels, altAddresses }, observed, indexes, ways } =
    ground;
  switch (change.kind) {
    case "device":
      return indexes.has(change.index) || tunnels.has(change.name) ||
        [observed?.outerName ?? local.device, own?.device].includes(change.name) ||
        ways.isChangedBy(change) ||
        change.name === WILDCARD_DEVICE && change.isUp &&
          !observed?.foreign.wildcards.includes(change.name) ||
        mayShare(change, ground);
    case "address":
      return indexes.has(change.index) || altAddresses.has(change.ip) ||
        change.ip === local.ip || change.ip === own?.ip;
    case "route":
      return change.protocol === ROUTE_PROTOCOL || ways.isIn(change.network) ||
        coversPrivate(change.network, ground);
    case "rule":
    case "table":
    case "unknown":
      return true;
  }
}

/** Whether a change by others may lead what leaves by another way, or make a way where there was none. */
export function isOfWay(change: KernelChange, { settings, outside, observed, ways }: Ground): boolean {
  switch (change.kind) {
    case "device": {
      const { name, index, isUp, isGone } = change;
      const isOuter = [observed?.outerName ?? settings.local.device, outside?.device]
        .includes(name);
      return isOuter && (isGone || observed?.links.get(index)?.isUp !== isUp);
    }
    case "address":
      return change.ip === outside?.ip;
    case "route":
      return change.protocol !== ROUTE_PROTOCOL && ways.isIn(change.network);
    case "rule":
    case "unknown":
      return true;
    case "table":
      return false;
  }
}

/** Whether it is another tunnel that uses a FOU port of ours. */
function mayShare({ outer }: DeviceChange, { settings, observed }: Ground): boolean {
  const port = Number(/^[\d.]+:(\d+) /.exec(outer)?.[1]);
  return settings.local.ports.includes(port) && !observed?.foreign.tunnelPorts.has(port);
}

/** Whether a private address is in a network, but is not all of it, and so may be another host's. */
export function coversPrivate(network: string, { written: { altAddresses } }: Ground): boolean {
  if (altAddresses.size === 0 || network.endsWith("/32")) return false;
  const parsed = parseNetwork(network);
  return parsed !== null && parsed.length >= SHORTEST_IN_USE &&
    altAddresses.keys().some((ip) => isInNetwork(ip, parsed));
}
