import assert from "node:assert/strict";
import process from "node:process";
import fc from "fast-check";
import { type Budget, fuzz } from "../../fuzz/fuzzer.ts";
import { bytesLike, jsonLike, textLike } from "../../fuzz/mutate.ts";
import { assertLine, outcomeOf, target } from "../../fuzz/target.ts";
import { TARGETS } from "../../fuzz/targets.ts";
import { EXIT, IpipouError } from "../../../lib/errors.ts";

const ROOT = new URL("../../../", import.meta.url);
const BUDGET: Budget = { seed: 7, count: 3_000, milliseconds: null };

/** Functions that read what comes from outside are named like this. */
const READER_REGEXP = /^export (?:async )?function\*? ((?:parse|read|decode|find|convert|load)\w*)/gm;

/** They begin like readers, and are none: their input is the program's own, or is in memory. */
const NO_READERS = new Set([
  "ffi/instance_lock.ts findInstanceHolder",
  "lib/commands/convert.ts convert",
  "lib/commands/hub.ts findHub",
  "lib/commands/hub.ts loadGoodPart",
  "lib/daemon/hosts.ts findHosts",
  "lib/kernel/renewal.ts findRenewal",
  "lib/kernel/recursion.ts findInnerHosts",
  "lib/kernel/recursion.ts findRecursions",
  "lib/outer_header.ts parseOuterHeader",
  "lib/settings/words.ts findLong",
  "lib/settings/words.ts findShort",
]);

function sourceFiles(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory ? sourceFiles(`${folder}${name}/`) : [`${folder}${name}`]
  );
}

function readers(): string[] {
  return [...sourceFiles("lib/"), ...sourceFiles("ffi/")].flatMap((path) =>
    [...Deno.readTextFileSync(new URL(path, ROOT)).matchAll(READER_REGEXP)].map(([, name]) =>
      `${path} ${name}`
    )
  );
}

Deno.test("fuzz() finds a fault, makes its input small, and finds it again by its seed and path", async () => {
  const planted = target("planted", [], textLike(["[fou]\nlocal = 1\n", "[[peer]]\n"]), (text) => {
    if (/=.*\[\[/s.test(text)) throw new RangeError("two brackets");
  });
  const { failure, inputs } = await fuzz(planted, BUDGET);
  assert.ok(failure !== null && inputs > 1 && inputs < BUDGET.count);
  assert.match(failure.reason, /^RangeError: two brackets/);
  assert.ok(failure.input.length < 60, failure.input);
  const again = await fuzz(planted, { ...BUDGET, path: failure.path });
  assert.deepEqual([again.inputs, again.failure?.input], [1, failure.input]);
});

Deno.test("fuzz() gives the same inputs for the same seed, and others for another", async () => {
  const inputsOf = async (seed: number) => {
    const given: unknown[] = [];
    const input = fc.tuple(
      bytesLike([Uint8Array.of(1, 2, 3)]),
      textLike(["ab"]),
      jsonLike([{ a: [1, "b"] }]),
    );
    await fuzz(target("all", [], input, (value) => void given.push(value)), { ...BUDGET, seed, count: 50 });
    return given;
  };
  const first = await inputsOf(1);
  assert.equal(first.length, 50);
  assert.deepEqual(await inputsOf(1), first);
  assert.notDeepEqual(await inputsOf(2), first);
});

Deno.test("fuzz() stops in time, and takes an input that needs long for a fault", async () => {
  const counted = await fuzz(target("fast", [], fc.nat(), () => {}), {
    ...BUDGET,
    count: 2 ** 31 - 1,
    milliseconds: 50,
  });
  assert.equal(counted.failure, null);
  assert.ok(counted.inputs > 0);
  const slow = target("slow", [], fc.nat({ max: 100 }), (number) => {
    const { user } = process.cpuUsage();
    while (number > 90 && process.cpuUsage().user - user < 100_000);
  });
  const { failure } = await fuzz(slow, { ...BUDGET, perInput: 50 });
  assert.match(failure?.reason ?? "", /it took \d+ ms of processor time/);
  assert.equal(failure?.input, "91");
});

Deno.test("outcomeOf() takes a documented error of one line for an outcome, and nothing else", () => {
  const fail = (error: Error) => () => {
    throw error;
  };
  const documented = new IpipouError("Cannot: give -n", EXIT.usage);
  assert.deepEqual(outcomeOf(fail(documented)), { message: "Cannot: give -n" });
  assert.deepEqual(outcomeOf(() => 1), { value: 1 });
  assert.throws(() => outcomeOf(fail(new TypeError("x"))), TypeError);
  assert.throws(() => outcomeOf(fail(new IpipouError("", EXIT.usage))), /an empty message/);
  for (const line of ["a\nb", "\x1b[2J", "a".repeat(5_000)]) assert.throws(() => assertLine(line));
});

for (const { name, ...rest } of TARGETS) {
  Deno.test(`fuzzing ${name} finds nothing in its first inputs`, async () => {
    const { failure } = await fuzz({ name, ...rest }, { ...BUDGET, count: 50 });
    assert.equal(failure, null, `${failure?.input}\n${failure?.reason}`);
  });
}

Deno.test("each function that reads outside input is fuzzed", () => {
  const all = readers();
  assert.ok(all.length > 30, "the readers were not found");
  const fuzzed = new Set(TARGETS.flatMap((target) => target.readers));
  assert.deepEqual(all.filter((reader) => !fuzzed.has(reader) && !NO_READERS.has(reader)), []);
  const known = new Set(all);
  assert.deepEqual([...NO_READERS].filter((reader) => !known.has(reader)), []);
});

Deno.test("each function that a target names exists", () => {
  for (const reader of TARGETS.flatMap((target) => target.readers)) {
    const [path = "", name = ""] = reader.split(" ");
    const source = Deno.readTextFileSync(new URL(path, ROOT));
    const [owner = "", method = owner] = name.split(".");
    assert.match(source, new RegExp(`^export (async )?(function\\*?|class) ${owner}\\b`, "m"), reader);
    assert.match(source, new RegExp(`\\b${method}\\b`), reader);
  }
});
