import type { DesiredState } from "./desired.ts";
import { listenerWords, planDevices } from "./plan_devices.ts";
import { planGate } from "./plan_gate.ts";
import { type KernelState, type Listener, listenerKey, type Observed } from "./state.ts";
import { unlistedListeners } from "./unlisted.ts";

/**
 * Commands that lead from one state of the kernel to another, in the order in which they run: strangers are shut
 * out first, then `ip` works behind the closed gate, then the admitted are let in. Each part is one program run, and
 * none when it is empty.
 */
export interface Transition {
  /**
   * For `ip -batch`, each whatever becomes of the others: makes the listeners that may be there unlisted. What the
   * kernel answers tells nothing new: if one is there it should be, and if not, it is now.
   */
  readonly confirm: readonly string[];
  /** For `ip -batch`: listeners go before the gate does that stood before them. */
  readonly withdraw: readonly string[];
  /** For `nft -f`, one transaction. */
  readonly close: readonly string[];
  /** For `ip -batch`. */
  readonly ip: readonly string[];
  /** For `nft -f`, one transaction. */
  readonly open: readonly string[];
}

/** Plans the way from what was observed to `desired`. @param now milliseconds of a clock that never jumps */
export function planTransition(
  observed: Pick<Observed, "own" | "foreign" | "unusedGroup">,
  desired: DesiredState,
  now: number,
): Transition {
  const unlisted = unlistedListeners(observed);
  const current = withListeners(observed.own, unlisted);
  const exposed = exposedListeners(current, desired);
  const remaining = new Map([...current.listeners].filter(([key]) => !exposed.has(key)));
  const ip = planDevices({ ...current, listeners: remaining }, desired, observed.unusedGroup);
  const { close, open } = planGate(current, desired, now);
  return {
    confirm: unlisted.map((listener) => `fou add ${listenerWords(listener)}`),
    withdraw: [...exposed.values()].map((listener) => `fou del ${listenerWords(listener)}`),
    ...(ip.length > 0 ? { close, ip, open } : { close: [], ip, open: [...close, ...open] }),
  };
}

function withListeners(state: KernelState, more: readonly Listener[]): KernelState {
  if (more.length === 0) return state;
  const added = more.map((listener) => [listenerKey(listener.local), listener] as const);
  return { ...state, listeners: new Map([...state.listeners, ...added]) };
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
