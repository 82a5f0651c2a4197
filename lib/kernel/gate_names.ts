import type { GateRules } from "./state.ts";

/** The sets of a gate that hold what its state names, and nothing with a timeout. */
export const KEY_SETS = [
  "addresses",
  "shared",
  "endpoints",
  "alts",
  "devices",
  "sources",
  "clamped",
  "hints",
] as const;
export type KeySet = typeof KEY_SETS[number];
/** Sets and maps of a gate. */
export const GATE_SETS = ["remotes", "locals", ...KEY_SETS, "hinted", "limits", "places"] as const;
export type GateSet = typeof GATE_SETS[number];
/** Chains of a gate, in an order in which they can be deleted once all are flushed. */
export const GATE_CHAINS = [
  "gate",
  "receive",
  "input",
  "forward",
  "untrack",
  "rewrite",
  "filter",
  "clamp",
  "clampout",
  "clampin",
  "fou",
  "auth",
  "alt",
] as const;
type GatePart = GateSet | typeof GATE_CHAINS[number];

type GateNames = Readonly<Record<GatePart, string>>;

/** A process asks for one instance's again and again. */
let latest: { readonly name: string; readonly names: GateNames } | null = null;

/** Names of the chains, sets and maps of a gate. */
export function gateNames(name: string): GateNames {
  if (latest?.name === name) return latest.names;
  const entries = [...GATE_CHAINS, ...GATE_SETS].map((part) => [part, `${part}-${name}`]);
  const names = Object.fromEntries(entries) as GateNames;
  latest = { name, names };
  return names;
}

/** Names of everything a gate of these rules consists of. */
export function partsOf(rules: GateRules): Set<string> {
  const { name, server, alt, readdresses, filters, shares, hintQueue, clamp } = rules;
  // Until version 0.2 there was a chain "alt": such a gate is replaced.
  const { alt: _old, rewrite, locals, filter, devices, sources, shared, clamped, ...names } = gateNames(name);
  const { clamp: forwarded, clampout, clampin, hints, hinted, ...always } = names;
  return new Set([
    ...(server === null ? Object.values(always) : [always.gate]),
    ...(alt === null ? [] : [always.input, always.untrack]),
    ...(clamp === null ? [] : [forwarded, clampout, clamped]),
    ...(typeof clamp === "number" ? [clampin] : []),
    ...(readdresses ? [rewrite, locals] : []),
    ...(filters ? [filter, devices, sources] : []),
    ...(shares && server === null ? [shared] : []),
    ...(hintQueue !== null && server === null ? [hints, hinted] : []),
  ]);
}
