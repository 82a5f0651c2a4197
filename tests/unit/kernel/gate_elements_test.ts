import assert from "node:assert/strict";
import fc from "fast-check";
import { addRemotes, changeKeys, deleteRemotes } from "../../../lib/kernel/gate_elements.ts";
import type { KeySet } from "../../../lib/kernel/gate_names.ts";
import { linesOf } from "../fake/lines.ts";
import type { Remote } from "../../../lib/kernel/state.ts";

const NOW = 1_795_219_200_000;

function remote(fields: Partial<Remote> = {}): Remote {
  return {
    endpoint: { ip: "198.51.100.2", port: 40_001 },
    port: 10_000,
    alt: null,
    expiresAt: null,
    ...fields,
  };
}

Deno.test("addRemotes() lets all endpoints in with one command", () => {
  const other = remote({ port: 10_001, expiresAt: NOW + 1_000 });
  assert.deepEqual(linesOf(addRemotes("ipipou", "t0", [remote(), other], NOW)), [
    "add element ip ipipou remotes-t0 { 198.51.100.2 . 40001 . 10000 : accept, " +
    "198.51.100.2 . 40001 . 10001 timeout 1s0ms : accept }",
  ]);
  assert.deepEqual(addRemotes("ipipou", "t0", [], NOW), []);
});

Deno.test("addRemotes() readdresses before it lets in", () => {
  const private_ = remote({ alt: "172.29.0.1", expiresAt: NOW + 1_500 });
  assert.deepEqual(linesOf(addRemotes("ipipou", "t0", [private_], NOW)), [
    "add element ip ipipou locals-t0 { 198.51.100.2 . 40001 . 10000 timeout 1s500ms : 172.29.0.1 }",
    "add element ip ipipou remotes-t0 { 198.51.100.2 . 40001 . 10000 timeout 1s500ms : accept }",
  ]);
});

Deno.test("addRemotes() sets the remaining time, in milliseconds and at least 1", () => {
  const timeoutOf = (left: number) =>
    /timeout (\S+)/.exec(addRemotes("ipipou", "t0", [remote({ expiresAt: NOW + left })], NOW)[0]!.line)?.[1];
  assert.equal(timeoutOf(60_000), "60s0ms");
  assert.equal(timeoutOf(1_234.4), "1s234ms");
  assert.equal(timeoutOf(1), "0s1ms");
  assert.equal(timeoutOf(0), "0s1ms");
  assert.equal(timeoutOf(-5), "0s1ms");
});

Deno.test("addRemotes() writes no number that is too large for nft, up to the longest lifetime", () => {
  const longest = 2 ** 31 - 1;
  fc.assert(fc.property(fc.integer({ min: 1, max: longest }), (left) => {
    const [line] = linesOf(addRemotes("ipipou", "t0", [remote({ expiresAt: NOW + left })], NOW));
    const [, seconds, milliseconds] = /timeout (\d{1,8})s(\d{1,3})ms /.exec(line!) ?? [];
    assert.equal(Number(seconds) * 1000 + Number(milliseconds), left);
  }));
});

Deno.test("deleteRemotes() shuts all endpoints out with one command", () => {
  assert.deepEqual(
    linesOf(deleteRemotes("ipipou", "t0", [remote(), remote({ port: 10_001, alt: "172.29.0.1" })])),
    [
      "delete element ip ipipou remotes-t0 { 198.51.100.2 . 40001 . 10000, 198.51.100.2 . 40001 . 10001 }",
      "delete element ip ipipou locals-t0 { 198.51.100.2 . 40001 . 10001 }",
    ],
  );
});

Deno.test("deleteRemotes() first adds what may have expired, and only that", () => {
  const expired = remote({ alt: "172.29.0.1", expiresAt: NOW });
  assert.deepEqual(linesOf(deleteRemotes("ipipou", "t0", [expired, remote({ port: 10_001 })])), [
    "add element ip ipipou locals-t0 { 198.51.100.2 . 40001 . 10000 : 172.29.0.1 }",
    "add element ip ipipou remotes-t0 { 198.51.100.2 . 40001 . 10000 : accept }",
    "delete element ip ipipou remotes-t0 { 198.51.100.2 . 40001 . 10000, 198.51.100.2 . 40001 . 10001 }",
    "delete element ip ipipou locals-t0 { 198.51.100.2 . 40001 . 10000 }",
  ]);
});

const GATE = { table: "ipipou", name: "t0" };

Deno.test("changeKeys() does nothing without keys", () => {
  assert.deepEqual(changeKeys("add", GATE, "alts", []), []);
  assert.deepEqual(linesOf(changeKeys("delete", GATE, "alts", ["172.29.0.1", "172.29.0.2"])), [
    "delete element ip ipipou alts-t0 { 172.29.0.1, 172.29.0.2 }",
  ]);
});

Deno.test("changeKeys() knows the parts of every set's keys", () => {
  const keyIn = (set: KeySet, key: string) => {
    const [step] = changeKeys("add", GATE, set, [key]);
    assert.ok(step?.request?.kind === "elements");
    return step.request.elements[0]!.key;
  };
  assert.deepEqual(keyIn("endpoints", "198.51.100.2 . 40001"), ["198.51.100.2", 40001]);
  assert.deepEqual(keyIn("devices", "p0"), [{ device: "p0" }]);
  assert.deepEqual(keyIn("clamped", "p0"), [{ device: "p0" }]);
  assert.deepEqual(keyIn("sources", '"p0" . 10.0.0.0/8'), [{ device: "p0" }, { network: "10.0.0.0/8" }]);
  assert.deepEqual(keyIn("sources", '"p0" . 10.0.0.1'), [{ device: "p0" }, { network: "10.0.0.1" }]);
  assert.deepEqual(keyIn("hints", "7123456 . 513"), [{ word: 7_123_456 }, 513]);
  assert.deepEqual(keyIn("hints", "4294967295 . 0"), [{ word: 4_294_967_295 }, 0]);
});

Deno.test("changeKeys() leaves to nft what somebody else put into a set of ours", () => {
  const foreign: [KeySet, string][] = [
    ["addresses", "10.0.0.0/8"],
    ["addresses", "10.0.0.1-10.0.0.9"],
    ["endpoints", "198.51.100.2 . 1-9"],
    ["endpoints", "198.51.100.2 . 65536"],
    ["endpoints", "198.51.100.2 . 1 . 2"],
    ["sources", '"p0"'],
    ["sources", '"p0" . x'],
    ["hints", "1-9 . 2"],
    ["hints", "1 . 65536"],
    ["hints", "4294967296 . 1"],
    ["hints", "1"],
  ];
  const ours: Partial<Record<KeySet, string>> = { sources: '"p0" . 10.0.0.0/8', hints: "1 . 2" };
  for (const [set, key] of foreign) {
    const own = ours[set] ?? "198.51.100.7";
    const [step] = changeKeys("delete", GATE, set, [own]);
    assert.notEqual(step!.request, null, "the other key is one of ours");
    assert.deepEqual(changeKeys("delete", GATE, set, [own, key]), [{
      line: `delete element ip ipipou ${set}-t0 { ${own}, ${key} }`,
      request: null,
    }]);
  }
});
