import assert from "node:assert/strict";
import fc from "fast-check";
import { partsOf } from "../../../lib/kernel/gate_names.ts";
import { defineGate, deleteGate, fingerprintOf, parseGateComment } from "../../../lib/kernel/gate_rules.ts";
import type { GateRules } from "../../../lib/kernel/state.ts";
import { RULES } from "./sample_rules.ts";

Deno.test("partsOf() names every chain, set and map that defineGate() adds", () => {
  const server = { ip: "203.0.113.9", port: 10_007 };
  const clamps: Partial<GateRules>[] = [{ clamp: "auto" }, { clamp: 1300 }, { clamp: 1300, server }];
  for (const more of [{}, { readdresses: true }, { filters: true }, { server }, ...clamps]) {
    const rules = { ...RULES, ...more };
    const added = defineGate(rules).flatMap((line) =>
      /^add (?:chain|set|map) ip ipipou (\S+)/.exec(line)?.[1] ?? []
    );
    assert.deepEqual([...partsOf(rules)].sort(), added.sort());
  }
});

Deno.test("fingerprintOf() changes with everything the rules say, and with nothing else", () => {
  const others: Partial<GateRules>[] = [
    { table: "other" },
    { name: "t1" },
    { ip: "192.0.2.2" },
    { ports: [10_001] },
    { ports: [10_000, 10_001] },
    { capacity: 16 },
    { filters: true },
    { clamp: "auto" },
    { clamp: 1300 },
    { authLengths: [72] },
    { authLengths: [0, 73] },
    { queue: 8 },
    { counter: true },
    { readdresses: true },
    { readdresses: true, reroutes: 0 },
    { readdresses: true, reroutes: 7 },
    { server: { ip: "203.0.113.9", port: 10_007 } },
    { server: { ip: "203.0.113.9", port: 10_008 } },
  ];
  const fingerprints = [{}, ...others].map((fields) => fingerprintOf({ ...RULES, ...fields }));
  assert.equal(new Set(fingerprints).size, others.length + 1);
  assert.equal(fingerprintOf({ ...RULES }), fingerprintOf(RULES));
  assert.equal(fingerprintOf({ ...RULES, mark: "ipipou:t0:foreign-listener-10000" }), fingerprintOf(RULES));
});

Deno.test("fingerprintOf() ends with the number of rules", () => {
  for (const fields of [{}, { readdresses: true }, { authLengths: [0, 24, 73] }]) {
    const rules = { ...RULES, ...fields };
    const count = defineGate(rules).filter((line) => line.startsWith("add rule ")).length;
    assert.equal(fingerprintOf(rules).split(".")[1], String(count));
  }
});

Deno.test("parseGateComment() reads what defineGate() wrote", () => {
  const rules = { ...RULES, mark: "ipipou:t0:foreign-listener-10000" };
  const comment = defineGate(rules).join("\n").match(/comment "(.*)"/)![1]!;
  const { mark, ip } = rules;
  assert.deepEqual(parseGateComment(comment), { mark, ip, fingerprint: fingerprintOf(rules) });
  assert.ok(comment.length < 128, "nft takes no longer comment");
});

Deno.test("parseGateComment() refuses comments that are not ours", () => {
  const good = "ipipou:t0 192.0.2.1 0123456789ab.11";
  assert.notEqual(parseGateComment(good), null);
  const others = [good.replace("ipipou:", "web:"), good.replace("192", "999"), good.replace("192.0", "192")];
  for (
    const bad of [
      "",
      "web",
      `${good} more`,
      ` ${good}`,
      good.slice(0, -3),
      good.replace(" 192", ":192"),
      ...others,
    ]
  ) {
    assert.equal(parseGateComment(bad), null, bad);
  }
});

Deno.test("deleteGate() flushes chains before it deletes what they refer to", () => {
  const chains = ["gate", "receive", "input", "forward", "untrack", "fou", "auth"];
  assert.deepEqual(deleteGate({ table: "ipipou", name: "t0", parts: partsOf(RULES) }), [
    ...chains.map((chain) => `flush chain ip ipipou ${chain}-t0`),
    "delete map ip ipipou remotes-t0",
    ...["addresses", "endpoints", "alts", "limits", "places"].map((set) => `delete set ip ipipou ${set}-t0`),
    ...chains.map((chain) => `delete chain ip ipipou ${chain}-t0`),
  ]);
});

Deno.test("deleteGate() deletes exactly what is there, once each", () => {
  const parts = [...partsOf({ ...RULES, readdresses: true, filters: true, clamp: 1300 })];
  fc.assert(fc.property(fc.subarray(parts), (there) => {
    const lines = deleteGate({ table: "ipipou", name: "t0", parts: new Set(there) });
    const named = (verb: string) =>
      lines.filter((line) => line.startsWith(verb)).map((line) => line.split(" ")[4]);
    assert.deepEqual(named("delete").sort(), there.toSorted());
    assert.deepEqual(
      named("flush").sort(),
      lines.flatMap((line) => /^delete chain ip ipipou (.*)/.exec(line)?.[1] ?? []).sort(),
    );
  }));
});
