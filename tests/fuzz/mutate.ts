import fc from "fast-check";

/** How many copies a part may be repeated into: enough to show what takes more than linear time. */
const MANY = [2, 3, 50, 5_000, 50_000];
/** Most items that they may have together. */
const MOST_ITEMS = 50_000;
/** Of ten thousand: how often a part is repeated. Long inputs take most of the time. */
const REPEATS = 5;

/** A change of a sequence: at a position, remove some items and put others there. */
interface Splice<T> {
  readonly at: number;
  readonly remove: number;
  readonly insert: readonly T[];
  readonly copies: number;
}

const copies = fc.oneof(
  { weight: 10_000 - REPEATS, arbitrary: fc.constant(1) },
  { weight: REPEATS, arbitrary: fc.constantFrom(...MANY) },
);

function splices<T>(insert: fc.Arbitrary<readonly T[]>): fc.Arbitrary<Splice<T>[]> {
  const splice = fc.record({ at: fc.nat(), remove: fc.nat(8), insert, copies });
  return fc.array(splice, { maxLength: 4 });
}

function applySplices<T>(sequence: T[], changes: readonly Splice<T>[]): T[] {
  for (const { at, remove, insert, copies } of changes) {
    const start = at % (sequence.length + 1);
    const most = Math.max(1, Math.floor(MOST_ITEMS / Math.max(1, insert.length)));
    const items = Array.from({ length: Math.min(copies, most) }, () => insert).flat();
    sequence = [...sequence.slice(0, start), ...items, ...sequence.slice(start + remove)];
  }
  return sequence;
}

/** Numbers at which readers of bytes go wrong. */
const EDGES = [0, 1, 3, 4, 5, 8, 15, 16, 17, 19, 20, 0x45, 0x4f, 0x7f, 0x80, 0xff];

/** Bytes: arbitrary ones, and samples that are joined, cut and damaged. */
export function bytesLike(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(...EDGES));
  const joined = fc.array(fc.constantFrom(...samples), { minLength: 1, maxLength: 3 });
  const damage = fc.array(fc.tuple(fc.nat(), byte), { maxLength: 4 });
  const changed = fc.tuple(joined, damage, splices(fc.array(byte, { maxLength: 8 })))
    .map(([parts, changes, splices]) => {
      const bytes = parts.flatMap((part) => [...part]);
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      // In its own buffer, because a larger one would hide reads beyond the end.
      return Uint8Array.from(applySplices(bytes, splices));
    });
  return fc.oneof({ weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) }, {
    weight: 4,
    arbitrary: changed,
  });
}

/** Any text that UTF-8 can hold: the runtime gives no other. */
export const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }).map((text) => text.toWellFormed()),
  fc.constantFrom("", "\n", "\r", "\0", "\u2028", "\x1b[31m", "\u202e", "é", "__proto__", "constructor"),
);

/** Text: arbitrary one, and samples that are joined, cut and have tokens put into them. */
export function textLike(
  samples: readonly string[],
  tokens: readonly string[] = [],
): fc.Arbitrary<string> {
  const insert = fc.oneof(fc.constantFrom(...samples, ...tokens), anyText).map((text) => [...text]);
  const joined = fc.array(fc.constantFrom(...samples), { minLength: 1, maxLength: 2 });
  const changed = fc.tuple(joined, splices(insert))
    .map(([parts, changes]) => applySplices([...parts.join("")], changes).join("").toWellFormed());
  return fc.oneof({ weight: 1, arbitrary: anyText }, { weight: 9, arbitrary: changed });
}

/** A change of a JSON value: what is found by going down this path. */
interface JsonChange {
  readonly path: readonly number[];
  readonly kind: "replace" | "delete" | "double" | "rename";
  readonly value: unknown;
  readonly key: string;
}

/** Values that no one expects. */
const ODD_VALUES = [null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, "", "any", "\n", [], {}, [[]], [null], [
  {},
]];

/**
 * Samples of JSON values, with parts replaced, removed, doubled or renamed.
 *
 * @param keys names that objects may have, besides those in the samples
 */
export function jsonLike(samples: readonly unknown[], keys: readonly string[] = []): fc.Arbitrary<unknown> {
  const parts = samples.flatMap((sample) => [...partsOf(sample)]);
  const value = fc.oneof(
    fc.constantFrom(...parts),
    fc.constantFrom<unknown>(...ODD_VALUES),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const change: fc.Arbitrary<JsonChange> = fc.record({
    path: fc.array(fc.nat(), { maxLength: 12 }),
    kind: fc.constantFrom("replace", "delete", "double", "rename"),
    value,
    key: fc.constantFrom(...keys, "__proto__", "toString", "length", "unknown"),
  });
  return fc.tuple(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 5 }))
    .map(([sample, changes]) => changes.reduce<unknown>(changeAt, sample));
}

/** All values within a JSON value. */
function* partsOf(value: unknown): Generator<unknown, void> {
  yield value;
  if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) yield* partsOf(part);
  }
}

function changeAt(value: unknown, change: JsonChange): unknown {
  const [step, ...path] = change.path;
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  if (step === undefined || entries.length === 0) return change.kind === "replace" ? change.value : value;
  const index = step % entries.length;
  const [key, part] = entries[index]!;
  const isHere = path.length === 0;
  const replaced: [string, unknown][] = !isHere
    ? [[key, changeAt(part, { ...change, path })]]
    : change.kind === "delete"
    ? []
    : change.kind === "double"
    ? [[key, part], [change.key, part]]
    : change.kind === "rename"
    ? [[change.key, part]]
    : [[key, change.value]];
  const all = entries.toSpliced(index, 1, ...replaced);
  return Array.isArray(value) ? all.map(([, item]) => item) : Object.fromEntries(all);
}
