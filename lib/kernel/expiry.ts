import type { KernelState, Remote } from "./state.ts";

/** Milliseconds by which an expiry that is read may differ from the one that was set: `nft` takes that long to start. */
const IMPRECISION = 1500;

/** Replaces each inexact expiry that was found by the one that we set, where that is known. */
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
