import assert from "node:assert/strict";
import fc from "fast-check";
import { formatMark, parseMark } from "../../../lib/kernel/mark.ts";

const DEVICE_NAME = /^[A-Za-z0-9_.-]{1,15}$/;

Deno.test("formatMark() writes the name, and a word for what is another's", () => {
  const mark = { name: "ipipou0", foreignListener: false, foreignAddress: false };
  assert.equal(formatMark(mark), "ipipou:ipipou0");
  assert.equal(formatMark({ ...mark, foreignListener: true }), "ipipou:ipipou0:foreign-listener");
  assert.equal(formatMark({ ...mark, foreignAddress: true }), "ipipou:ipipou0:foreign-address");
});

Deno.test("formatMark() and parseMark() are inverse, for any device name", () => {
  const name = fc.stringMatching(DEVICE_NAME);
  fc.assert(fc.property(name, fc.boolean(), fc.boolean(), (name, foreignListener, foreignAddress) => {
    const mark = { name, foreignListener, foreignAddress };
    const text = formatMark(mark);
    assert.deepEqual(parseMark(text), mark);
    assert.match(text, /^[A-Za-z0-9:._-]{1,60}$/);
  }));
});

Deno.test("parseMark() refuses what is none of ours", () => {
  for (const text of ["", "ipipou", "ipipou:", "uplink", "IPIPOU:a", " ipipou:a", "ipipou2:a", "ipipou a"]) {
    assert.equal(parseMark(text), null, text);
  }
});
