import assert from "node:assert/strict";
import { type Examined, fine, unseen } from "../../../lib/doctor/finding.ts";
import { examinedAsJson, exitCodeOf, formatExamined } from "../../../lib/doctor/format.ts";

function examined(what: string): Examined[] {
  return [{ instance: null, about: "", findings: [fine("clock", "right"), unseen("port", what, "hidden")] }];
}

Deno.test("what could not be looked at is counted, and is nothing wrong", () => {
  assert.match(formatExamined(examined("p")), /^nothing wrong was found; 1 thing could not be looked at$/m);
  assert.equal(JSON.parse(examinedAsJson(examined("p"))).ok, true);
  assert.equal(exitCodeOf(examined("p")), 0);
});

Deno.test("formatExamined() shows what programs call themselves so that it harms no terminal", () => {
  assert.match(formatExamined(examined("\x1b[2Jx")), /\\u001b\[2Jx/);
});
