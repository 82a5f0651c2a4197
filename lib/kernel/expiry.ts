import type { KernelState, Remote } from "./state.ts";

/** Milliseconds by which an element's end may seem to be elsewhere than where it was set: `nft` tells whole seconds. */
const IMPRECISION = 1500;

/** Takes the end that each remote was given, where that is known, for the one that was found, which is not exact. */
export function recallExpiry(found: KernelState, known: KernelState | null): KernelState {
  const given = known?.gate?.remotes;
  if (found.gate === null || given === undefined) return found;
  const recall = ([key, remote]: [string, Remote]): [string, Remote] => {
    const expiresAt = given.get(key)?.expiresAt ?? null;
    const isSame = expiresAt !== null && remote.expiresAt !== null &&
      Math.abs(expiresAt - remote.expiresAt) <= IMPRECISION;
    return [key, isSame ? { ...remote, expiresAt } : remote];
  };
  return { ...found, gate: { ...found.gate, remotes: new Map([...found.gate.remotes].map(recall)) } };
}
