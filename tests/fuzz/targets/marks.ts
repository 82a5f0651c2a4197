import assert from "node:assert/strict";
import { parseGateComment } from "../../../lib/kernel/gate_rules.ts";
import { formatMark, parseMark } from "../../../lib/kernel/mark.ts";
import { textLike } from "../mutate.ts";
import { type Target, target } from "../target.ts";

const marks = textLike(
  [
    "ipipou:p0",
    "ipipou:p0:foreign-listener-10000-10001",
    "ipipou:p0:foreign-listener-1:private-address",
    "ipipou:hub:foreign-address:mtu-1472",
  ],
  [":", "-", ".", "ipipou:", "foreign-listener-", "70000", "0"],
);
const mark = target("marks", ["lib/kernel/mark.ts parseMark"], marks, (text) => {
  const found = parseMark(text);
  if (found === null) return;
  assert.match(found.name, /^[A-Za-z0-9_.-]{1,15}$/);
  for (const port of found.foreignPorts) assert.ok(Number.isInteger(port) && port >= 1 && port <= 65_535);
  assert.deepEqual(parseMark(formatMark(found)), found);
});

const comments = textLike(
  ["ipipou:p0 192.0.2.1 0123456789abcdef.12", "ipipou:p0:foreign-listener-10000 10.0.0.1 00ff.3"],
  [" ", ".", "ipipou:", "999", "1"],
);
const comment = target(
  "comments of gates",
  ["lib/kernel/gate_rules.ts parseGateComment"],
  comments,
  (text) => {
    const found = parseGateComment(text);
    if (found === null) return;
    assert.equal(`${found.mark} ${found.ip} ${found.fingerprint}`, text);
    assert.notEqual(parseMark(found.mark), null);
    assert.equal(found.ip.split(".").length, 4);
  },
);

/** What marks objects of the kernel as an instance's. */
export const MARK_TARGETS: readonly Target[] = [mark, comment];
