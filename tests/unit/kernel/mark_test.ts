import assert from "node:assert/strict";
import fc from "fast-check";
import { formatMark, parseMark } from "../../../lib/kernel/mark.ts";

const DEVICE_NAME = /^[A-Za-z0-9_.-]{1,15}$/;

Deno.test("formatMark() writes the name, and words for foreign and private", () => {
  const mark = { name: "ipipou0", foreignPorts: [], privateAddress: null };
  assert.equal(formatMark(mark), "ipipou:ipipou0");
  const listeners = { ...mark, foreignPorts: [10_000, 10_001] };
  assert.equal(formatMark(listeners), "ipipou:ipipou0:foreign-listener-10000-10001");
  assert.equal(formatMark({ ...mark, privateAddress: "own" }), "ipipou:ipipou0:private-address");
  assert.equal(formatMark({ ...mark, privateAddress: "foreign" }), "ipipou:ipipou0:foreign-address");
});

Deno.test("formatMark() and parseMark() are inverse, for any device name", () => {
  const name = fc.stringMatching(DEVICE_NAME);
  const ports = fc.array(fc.integer({ min: 1, max: 65_535 }), { maxLength: 4 });
  const address = fc.constantFrom("own" as const, "foreign" as const, null);
  fc.assert(fc.property(name, ports, address, (name, foreignPorts, privateAddress) => {
    const mark = { name, foreignPorts, privateAddress };
    const text = formatMark(mark);
    assert.deepEqual(parseMark(text), mark);
    assert.match(text, /^[A-Za-z0-9:._-]{1,79}$/);
  }));
});

Deno.test("parseMark() refuses what is no mark", () => {
  for (const text of ["", "ipipou", "ipipou:", "uplink", "IPIPOU:a", " ipipou:a", "ipipou2:a", "ipipou a"]) {
    assert.equal(parseMark(text), null, text);
  }
});
