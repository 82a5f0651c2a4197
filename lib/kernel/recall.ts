import type { KernelState, Remote } from "./state.ts";

/** Milliseconds by which an expiry that is read may differ from the one that was set: `nft` takes that long to start. */
const IMPRECISION = 1500;

/**
 * Adds to a gate that was found what the kernel does not tell, where that is known: what its rules follow from, if they
 * are those that we set, and when each remote expires, exactly.
 */
export function recallGate(found: KernelState, known: KernelState | null): KernelState {
  if (found.gate === null || !known?.gate) return found;
  const { fingerprint, rules, remotes: given } = known.gate;
  const recall = ([key, remote]: [string, Remote]): [string, Remote] => {
    const expiresAt = given.get(key)?.expiresAt ?? null;
    const isSame = expiresAt !== null && remote.expiresAt !== null &&
      Math.abs(expiresAt - remote.expiresAt) <= IMPRECISION;
    return [key, isSame ? { ...remote, expiresAt } : remote];
  };
  const remotes = new Map([...found.gate.remotes].map(recall));
  return {
    ...found,
    gate: { ...found.gate, remotes, rules: found.gate.fingerprint === fingerprint ? rules : null },
  };
}
