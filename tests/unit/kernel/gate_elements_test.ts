import assert from "node:assert/strict";
import fc from "fast-check";
import { addRemotes, changeElements, deleteRemotes } from "../../../lib/kernel/gate_elements.ts";
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
  assert.deepEqual(addRemotes("ipipou", "t0", [remote(), other], NOW), [
    "add element ip ipipou remotes-t0 { 198.51.100.2 . 40001 . 10000 : accept, " +
    "198.51.100.2 . 40001 . 10001 timeout 1s0ms : accept }",
  ]);
  assert.deepEqual(addRemotes("ipipou", "t0", [], NOW), []);
});

Deno.test("addRemotes() readdresses before it lets in", () => {
  const private_ = remote({ alt: "172.29.0.1", expiresAt: NOW + 1_500 });
  assert.deepEqual(addRemotes("ipipou", "t0", [private_], NOW), [
    "add element ip ipipou locals-t0 { 198.51.100.2 . 40001 . 10000 timeout 1s500ms : 172.29.0.1 }",
    "add element ip ipipou remotes-t0 { 198.51.100.2 . 40001 . 10000 timeout 1s500ms : accept }",
  ]);
});

Deno.test("addRemotes() sets the remaining time, in milliseconds and at least 1", () => {
  const timeoutOf = (left: number) =>
    /timeout (\S+)/.exec(addRemotes("ipipou", "t0", [remote({ expiresAt: NOW + left })], NOW)[0]!)?.[1];
  assert.equal(timeoutOf(60_000), "60s0ms");
  assert.equal(timeoutOf(1_234.4), "1s234ms");
  assert.equal(timeoutOf(1), "0s1ms");
  assert.equal(timeoutOf(0), "0s1ms");
  assert.equal(timeoutOf(-5), "0s1ms");
});

Deno.test("addRemotes() writes no number that is too large for nft, up to the longest lifetime", () => {
  const longest = 2 ** 31 - 1;
  fc.assert(fc.property(fc.integer({ min: 1, max: longest }), (left) => {
    const [line] = addRemotes("ipipou", "t0", [remote({ expiresAt: NOW + left })], NOW);
    const [, seconds, milliseconds] = /timeout (\d{1,8})s(\d{1,3})ms /.exec(line!) ?? [];
    assert.equal(Number(seconds) * 1000 + Number(milliseconds), left);
  }));
});

Deno.test("deleteRemotes() shuts all endpoints out with one command", () => {
  assert.deepEqual(deleteRemotes("ipipou", "t0", [remote(), remote({ port: 10_001, alt: "172.29.0.1" })]), [
    "delete element ip ipipou remotes-t0 { 198.51.100.2 . 40001 . 10000, 198.51.100.2 . 40001 . 10001 }",
    "delete element ip ipipou locals-t0 { 198.51.100.2 . 40001 . 10001 }",
  ]);
});

Deno.test("deleteRemotes() first adds what may have expired, and only that", () => {
  const expired = remote({ alt: "172.29.0.1", expiresAt: NOW });
  assert.deepEqual(deleteRemotes("ipipou", "t0", [expired, remote({ port: 10_001 })]), [
    "add element ip ipipou locals-t0 { 198.51.100.2 . 40001 . 10000 : 172.29.0.1 }",
    "add element ip ipipou remotes-t0 { 198.51.100.2 . 40001 . 10000 : accept }",
    "delete element ip ipipou remotes-t0 { 198.51.100.2 . 40001 . 10000, 198.51.100.2 . 40001 . 10001 }",
    "delete element ip ipipou locals-t0 { 198.51.100.2 . 40001 . 10000 }",
  ]);
});

Deno.test("changeElements() does nothing without elements", () => {
  assert.deepEqual(changeElements("add", "ipipou", "alts-t0", []), []);
  assert.deepEqual(changeElements("delete", "ipipou", "alts-t0", ["172.29.0.1", "172.29.0.2"]), [
    "delete element ip ipipou alts-t0 { 172.29.0.1, 172.29.0.2 }",
  ]);
});
