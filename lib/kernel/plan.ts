import type { DesiredState } from "./desired.ts";
import { addListeners, listenerWords, planDevices } from "./plan_devices.ts";
import { planGate } from "./plan_gate.ts";
import { type KernelState, type Listener, listenerKey, type Observed } from "./state.ts";
import { unlistedListeners } from "./unlisted.ts";

/**
 * Commands that lead from one state of the kernel to another, in the order in which they run: leaving peers are shut
 * out first, then `ip` works behind the closed gate, then admitted peers are let in. Each part is one run of a program,
 * or none when it is empty.
 */
export interface Transition {
  /**
   * For `ip -force -batch`: adds the listeners that may exist although they were not listed. Whether they existed does
   * not matter: afterwards they do.
   */
  readonly confirm: readonly string[];
  /** For `ip -batch`: removes listeners before the gate in front of them. */
  readonly withdraw: readonly string[];
  /** For `nft -f`, one transaction. */
  readonly close: readonly string[];
  /** For `ip -batch`. */
  readonly ip: readonly string[];
  /** For `nft -f`, one transaction. */
  readonly open: readonly string[];
}

/**
 * Plans the way from what was observed to `desired`.
 *
 * @param now milliseconds of `Clock.now()`
 * @param told private addresses that are to be hidden again
 */
export function planTransition(
  observed: Pick<Observed, "own" | "foreign" | "vrfMembers" | "unusedGroup">,
  desired: DesiredState,
  now: number,
  told: readonly string[] = [],
): Transition {
  const unlisted = unlistedListeners(observed);
  const current = withListeners(observed.own, unlisted);
  const exposed = exposedListeners(current, desired);
  const remaining = new Map([...current.listeners].filter(([key]) => !exposed.has(key)));
  const { unusedGroup, foreign } = observed;
  const ip = planDevices(
    { ...current, listeners: remaining },
    desired,
    unusedGroup,
    told,
    foreign.addresses,
  );
  const { close, open } = planGate(current, desired, now);
  return {
    confirm: addListeners(unlisted, [], current.altAddresses),
    withdraw: [...exposed.values()].map((listener) => `fou del ${listenerWords(listener)}`),
    ...(ip.length > 0 ? { close, ip, open } : { close: [], ip, open: [...close, ...open] }),
  };
}

function withListeners(state: KernelState, more: readonly Listener[]): KernelState {
  if (more.length === 0) return state;
  const added = more.map((listener) => [listenerKey(listener.local), listener] as const);
  return { ...state, listeners: new Map([...state.listeners, ...added]) };
}

/** Listeners that would have no gate in front of them, for a moment, if the gate moved first. */
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
