import type { DesiredState } from "./desired.ts";
import { listenerWords, planDevices } from "./plan_devices.ts";
import { planGate } from "./plan_gate.ts";
import type { KernelState, Listener } from "./state.ts";

/**
 * Commands that lead from one state of the kernel to another, in the order in which they run: strangers are shut
 * out first, then `ip` works behind the closed gate, then the admitted are let in. Each of the three is one
 * program run, and none when it is empty.
 */
export interface Transition {
  /** For `ip -batch`: listeners go before the gate does that stood before them. */
  readonly withdraw: readonly string[];
  /** For `nft -f`, one transaction. */
  readonly close: readonly string[];
  /** For `ip -batch`. */
  readonly ip: readonly string[];
  /** For `nft -f`, one transaction. */
  readonly open: readonly string[];
}

/**
 * Plans the way from `current` to `desired`.
 *
 * @param unusedGroup number of a device group that nobody has a device in
 * @param now milliseconds of a clock that never jumps
 */
export function planTransition(
  current: KernelState,
  desired: DesiredState,
  unusedGroup: number,
  now: number,
): Transition {
  const exposed = exposedListeners(current, desired);
  const withdraw = [...exposed.values()].map((listener) => `fou del ${listenerWords(listener)}`);
  const listeners = new Map([...current.listeners].filter(([key]) => !exposed.has(key)));
  const ip = planDevices({ ...current, listeners }, desired, unusedGroup);
  const { close, open } = planGate(current, desired, now);
  return ip.length > 0
    ? { withdraw, close, ip, open }
    : { withdraw, close: [], ip, open: [...close, ...open] };
}

/** Listeners that no gate would stand before, for a moment, when the gate changed its place first. */
function exposedListeners(current: KernelState, desired: KernelState): Map<string, Listener> {
  const [from, to] = [current.gate, desired.gate];
  if (from === null || to === null) return new Map();
  const moves = from.ip !== to.ip || from.ports.some((port) => !to.ports.includes(port));
  const isExposed = ([key, { device }]: [string, Listener]) => {
    const wanted = desired.listeners.get(key);
    return wanted === undefined ? moves : wanted.device !== device;
  };
  return new Map([...current.listeners].filter(isExposed));
}
