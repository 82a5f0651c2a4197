import type { DesiredState } from "./desired.ts";
import { addListeners, changeListener, planDevices } from "./plan_devices.ts";
import { planGate } from "./plan_gate.ts";
import { type KernelState, type Listener, listenerKey, type Observed } from "./state.ts";
import type { Step } from "./step.ts";
import { unlistedListeners } from "./unlisted.ts";

/**
 * Steps that lead from one state of the kernel to another, in order: leaving peers are shut out first, then devices change
 * behind the closed gate, then admitted peers are let in. Any part may be empty.
 */
export interface Transition {
  /**
   * Adds the listeners that may exist although they were not listed. Whether they existed does not matter: afterwards
   * they do. All steps are taken, also when some are refused.
   */
  readonly confirm: readonly Step[];
  /** Removes listeners before the gate in front of them. */
  readonly withdraw: readonly Step[];
  /** One transaction of nftables. */
  readonly close: readonly Step[];
  /** Devices, addresses, routes and listeners. */
  readonly ip: readonly Step[];
  /** One transaction of nftables. */
  readonly open: readonly Step[];
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
    withdraw: [...exposed.values()].map((listener) => changeListener("del", listener)),
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
