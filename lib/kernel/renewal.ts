import { type Admission, isLive, isSamePlace } from "../admission.ts";
import { placeKey } from "../packet.ts";
import type { DesiredState, Wanted } from "./desired.ts";
import { EMPTY_STATE, type KernelState, type Observed, type Remote } from "./state.ts";

/** A change that succeeded, for everybody: what it followed from, and what it led to. */
export interface Fulfilled {
  readonly wanted: Wanted;
  readonly observed: Observed;
  readonly state: DesiredState;
  /** Nobody is to be shut out before this moment, milliseconds of `Clock.now()`, as far as the state says. */
  readonly firstEnd: number;
}

/** A change of nothing but lifetimes. */
export interface Renewal {
  readonly next: Fulfilled;
  /** What differs between the states before and after, and nothing else of them. */
  readonly before: KernelState;
  readonly after: DesiredState;
}

/** What `findRenewal()` goes by, after a change that succeeded for everybody. */
export function fulfilled(wanted: Wanted, observed: Observed, state: DesiredState): Fulfilled {
  let firstEnd = Infinity;
  for (const { expiresAt } of state.gate?.remotes.values() ?? []) {
    firstEnd = Math.min(firstEnd, expiresAt ?? Infinity);
  }
  return { wanted, observed, state, firstEnd };
}

/**
 * Finds out whether only lifetimes were renewed since a change, as most auth packets ask for nothing else. Then all else
 * stands, and what is to be done takes as long for a thousand peers as for one.
 *
 * @param now milliseconds of `Clock.now()`
 * @returns null: something else differs, or may; `desiredState()` tells
 */
export function findRenewal(
  last: Fulfilled,
  wanted: Wanted,
  observed: Observed,
  now: number,
): Renewal | null {
  const { gate } = last.state;
  if (gate === null || now >= last.firstEnd) return null;
  if (!isSameGround(last.wanted, wanted) || !isAsLeft(last, observed)) return null;
  if (last.wanted.admissions.size !== wanted.admissions.size) return null;
  const before = new Map<string, Remote>();
  const after = new Map<string, Remote>();
  let { firstEnd } = last;
  for (const [name, admission] of wanted.admissions) {
    const previous = last.wanted.admissions.get(name);
    if (previous === admission) continue;
    const key = keyOfRenewed(previous, admission, now);
    const remote = key === null ? undefined : gate.remotes.get(key);
    if (key === null || remote === undefined) return null;
    before.set(key, remote);
    after.set(key, { ...remote, expiresAt: admission.expiresAt });
    firstEnd = Math.min(firstEnd, admission.expiresAt ?? Infinity);
  }
  const remotes = new Map(gate.remotes);
  for (const [key, remote] of after) remotes.set(key, remote);
  const state = { ...last.state, gate: { ...gate, remotes } };
  return {
    next: { wanted, observed, state, firstEnd },
    before: { ...EMPTY_STATE, gate: { ...gate, remotes: before } },
    after: { ...EMPTY_STATE, gate: { ...gate, remotes: after } },
  };
}

/** The `placeKey` of a peer that is let in where it was, for longer; null: it is another case. */
function keyOfRenewed(previous: Admission | undefined, admission: Admission, now: number): string | null {
  if (previous === undefined || !isSamePlace(previous, admission) || !isLive(admission, now)) return null;
  return placeKey(admission.remote!, admission.port);
}

/** Whether all but the admissions is the same. */
function isSameGround(a: Wanted, b: Wanted): boolean {
  return a.settings === b.settings && a.outside === b.outside && a.hints?.keys === b.hints?.keys &&
    a.hints?.queue === b.hints?.queue;
}

/** Whether nothing was seen since but the change itself. */
function isAsLeft({ observed: before, state }: Fulfilled, observed: Observed): boolean {
  if (observed.own !== state) return false;
  const names = Object.keys(observed) as (keyof Observed)[];
  return names.every((name) => name === "own" || observed[name] === before[name]);
}
