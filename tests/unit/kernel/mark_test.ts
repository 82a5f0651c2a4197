import assert from "node:assert/strict";
import fc from "fast-check";
import { formatMark, parseMark } from "../../../lib/kernel/mark.ts";

const DEVICE_NAME = /^[A-Za-z0-9_.-]{1,15}$/;

Deno.test("formatMark() writes the name, and words for foreign and private things and the MTU", () => {
  const mark = { name: "ipipou0", foreignPorts: [], privateAddress: null, mtu: null };
  assert.equal(formatMark(mark), "ipipou:ipipou0");
  const listeners = { ...mark, foreignPorts: [10_000, 10_001] };
  assert.equal(formatMark(listeners), "ipipou:ipipou0:foreign-listener-10000-10001");
  assert.equal(formatMark({ ...mark, privateAddress: "own" }), "ipipou:ipipou0:private-address");
  assert.equal(formatMark({ ...mark, privateAddress: "foreign" }), "ipipou:ipipou0:foreign-address");
  assert.equal(formatMark({ ...mark, mtu: 1472 }), "ipipou:ipipou0:mtu-1472");
});

Deno.test("formatMark() and parseMark() are inverse, for any device name", () => {
  const name = fc.stringMatching(DEVICE_NAME);
  const ports = fc.array(fc.integer({ min: 1, max: 65_535 }), { maxLength: 4 });
  const address = fc.constantFrom("own" as const, "foreign" as const, null);
  const mtu = fc.option(fc.integer({ min: 68, max: 65_507 }));
  fc.assert(fc.property(name, ports, address, mtu, (name, foreignPorts, privateAddress, mtu) => {
    const mark = { name, foreignPorts, privateAddress, mtu };
    const text = formatMark(mark);
    assert.deepEqual(parseMark(text), mark);
    assert.match(text, /^[A-Za-z0-9:._-]{1,90}$/);
  }));
});

Deno.test("parseMark() refuses what is no mark", () => {
  const badNames = ["ipipou:a\nb", "ipipou:a b", "ipipou:0123456789abcdef", "ipipou:\x1b[2J", "ipipou:é"];
  for (
    const text of [
      "",
      "ipipou",
      "ipipou:",
      "uplink",
      "IPIPOU:a",
      " ipipou:a",
      "ipipou2:a",
      "ipipou a",
      ...badNames,
    ]
  ) {
    assert.equal(parseMark(text), null, text);
  }
});

Deno.test("parseMark() ignores words that mean nothing, and what is no port", () => {
  const bare = { name: "a", foreignPorts: [], privateAddress: null, mtu: null };
  for (
    const words of [
      "x",
      "",
      "foreign-listener",
      "foreign-listener-x",
      "foreign-listener1",
      "foreign-listener-1-",
      "mtu-",
      "mtu-x",
      "mtu-1e3",
    ]
  ) {
    assert.deepEqual(parseMark(`ipipou:a:${words}`), bare, words);
  }
  assert.deepEqual(parseMark("ipipou:a:foreign-listener-0-7-70000"), { ...bare, foreignPorts: [7] });
});
