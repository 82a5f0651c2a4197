import type { RuleText } from "./nft_rules.ts";

/** An element of a set or map. */
export interface FakeElement {
  /** As it was written: `198.51.100.2 . 40000 . 10000`, `"p0" . 10.0.0.0/8`. */
  readonly key: string;
  /** Of a map: `accept`, `goto alt-p0`, `172.29.0.0`. */
  readonly data: string | null;
  /** Milliseconds that it was given, and when they end; null: it stays. */
  readonly timeout: number | null;
  readonly expiresAt: number | null;
}

/** A set, or a map. */
export interface FakeSet {
  readonly handle: number;
  /** Types of its keys' parts. */
  readonly type: readonly string[];
  /** Type of its data; null: it is no map. */
  readonly data: string | null;
  readonly flags: readonly string[];
  readonly size: number | null;
  /** Seconds that an element has by itself. */
  readonly timeout: number | null;
  /** By key. Some may have expired. */
  readonly elements: Map<string, FakeElement>;
}

/** Where a base chain comes in. */
export interface Hook {
  readonly type: string;
  readonly hook: string;
  readonly priority: number;
  readonly policy: string;
}

/** A rule, and the number it can be deleted by. */
export type FakeRule = RuleText & { readonly handle: number };

/** A chain; without a hook, one that others lead to. */
export interface FakeChain {
  readonly handle: number;
  readonly hook: Hook | null;
  rules: FakeRule[];
}

/** A table of the family ip. */
export interface FakeTable {
  readonly handle: number;
  readonly chains: Map<string, FakeChain>;
  readonly sets: Map<string, FakeSet>;
  lastHandle: number;
}

/** A copy that does not change with the original. */
export function copyTable(table: FakeTable): FakeTable {
  return {
    ...table,
    chains: new Map(table.chains.entries().map(([name, chain]) => [name, { ...chain }])),
    sets: new Map(table.sets.entries().map(([name, set]) => [name, copySet(set)])),
  };
}

function copySet(set: FakeSet): FakeSet {
  return { ...set, elements: new Map(set.elements) };
}

/** The elements that are there. @param now milliseconds of the clock that never jumps */
export function liveElements({ elements }: FakeSet, now: number): FakeElement[] {
  return [...elements.values()].filter((element) => isLive(element, now));
}

/** Whether an element has not expired. */
export function isLive({ expiresAt }: FakeElement, now: number): boolean {
  return expiresAt === null || expiresAt > now;
}
