import type { RuleText } from "./nft_rules.ts";

/** An element of a set or map. */
export interface FakeElement {
  /** As it was written, such as `198.51.100.2 . 40000 . 10000` or `"p0" . 10.0.0.0/8`. */
  readonly key: string;
  /** In a map: `accept`, `goto alt-p0` or an address such as `172.29.0.0`. */
  readonly data: string | null;
  /** Its timeout in milliseconds, and when it expires; null: it stays. */
  readonly timeout: number | null;
  readonly expiresAt: number | null;
}

/** A set, or a map. */
export interface FakeSet {
  readonly handle: number;
  /** The types of the parts of its keys. */
  readonly type: readonly string[];
  /** The type of its data; null if it is not a map. */
  readonly data: string | null;
  readonly flags: readonly string[];
  readonly size: number | null;
  /** The default timeout of its elements, in seconds. */
  readonly timeout: number | null;
  /** Elements by key. Some may have expired. */
  readonly elements: Map<string, FakeElement>;
}

/** The hook of a base chain. */
export interface Hook {
  readonly type: string;
  readonly hook: string;
  readonly priority: number;
  readonly policy: string;
}

/** A rule, and the handle by which it can be deleted. */
export type FakeRule = RuleText & { readonly handle: number };

/** A base chain, or a chain without a hook that others jump to. */
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
  /** Whether packets pass it by. */
  isDormant: boolean;
}

/** A deep copy of a table. */
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

/** The elements that have not expired. @param now milliseconds of the monotonic clock */
export function liveElements({ elements }: FakeSet, now: number): FakeElement[] {
  return [...elements.values()].filter((element) => isLive(element, now));
}

/** Whether an element has not expired. */
export function isLive({ expiresAt }: FakeElement, now: number): boolean {
  return expiresAt === null || expiresAt > now;
}
