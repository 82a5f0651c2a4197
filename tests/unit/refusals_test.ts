import assert from "node:assert/strict";
import { closerRefusal, RefusalReport, RefusalTally } from "../../lib/refusals.ts";

const NOW = 1_795_219_200_000;
const STRANGER = { ip: "203.0.113.9", port: 666 };

Deno.test("closerRefusal() is the one that tells more of who nearly got in", () => {
  const pairs = [["wrong length", "wrong token"], ["wrong signature", "repeated"]] as const;
  for (const [far, near] of pairs) {
    assert.equal(closerRefusal(far, near), near);
    assert.equal(closerRefusal(near, far), near);
    assert.equal(closerRefusal(near, near), near);
  }
});

Deno.test("note() returns a line with the source and the reason", () => {
  const told = new RefusalReport().note(STRANGER, "wrong token", NOW);
  assert.deepEqual(told, { line: "refused auth packet from 203.0.113.9:666: wrong token", count: 1 });
});

Deno.test("note() returns a line a minute and counts what it kept back", () => {
  const report = new RefusalReport();
  report.note(STRANGER, "wrong token", NOW);
  assert.equal(report.note(STRANGER, "wrong token", NOW), null);
  assert.equal(report.note({ ...STRANGER, port: 1 }, "wrong length", NOW + 59_999), null);
  assert.deepEqual(report.note(STRANGER, "wrong length", NOW + 60_000), {
    line: "refused auth packet from 203.0.113.9:666: wrong length; 2 more since the last such line",
    count: 3,
  });
  assert.equal(report.note(STRANGER, "wrong length", NOW + 119_999), null);
});

Deno.test("note() resets the count once it was logged", () => {
  const report = new RefusalReport();
  for (const time of [NOW, NOW, NOW + 60_000]) report.note(STRANGER, "wrong token", time);
  const { line, count } = report.note(STRANGER, "wrong token", NOW + 120_000)!;
  assert.doesNotMatch(line, /more/);
  assert.equal(count, 1);
});

Deno.test("RefusalTally tells the first refusal, then sums up a minute's, and tells the first again after a quiet one", () => {
  const tally = new RefusalTally();
  assert.equal(tally.due, null);
  assert.equal(
    tally.note(STRANGER, "wrong token", NOW),
    "refused auth packet from 203.0.113.9:666: wrong token",
  );
  assert.equal(tally.due, null, "nothing was kept back");
  for (const [refusal, count] of [["wrong length", 1], ["wrong token", 3], ["wrong signature", 2]] as const) {
    for (let time = 0; time < count; time++) assert.equal(tally.note(STRANGER, refusal, NOW + 1_000), null);
  }
  assert.equal(tally.note({ ...STRANGER, port: 7 }, "wrong token", NOW + 2_000), null);
  assert.equal(tally.due, NOW + 60_000);
  const why = "4 wrong token, 2 wrong signature, 1 wrong length";
  assert.deepEqual(tally.sum(NOW + 60_000), {
    line: `refused 7 more auth packets in a minute: ${why}; the last from 203.0.113.9:7`,
    remote: "203.0.113.9:7",
    count: 7,
    why,
  });
  assert.equal(tally.due, null);
  assert.equal(tally.note(STRANGER, "wrong token", NOW + 90_000), null);
  assert.equal(tally.note(STRANGER, "wrong token", NOW + 121_000), null, "what came before is told first");
  assert.match(tally.sum(NOW + 121_000).line, /^refused 2 more auth packets in a minute: 2 wrong token; /);
  assert.equal(tally.note(STRANGER, "wrong token", NOW + 130_000), null);
  assert.match(tally.sum(NOW + 181_000).line, /^refused 1 more auth packet in a minute: 1 wrong token; /);
  assert.match(tally.note(STRANGER, "wrong token", NOW + 241_000)!, /^refused auth packet from /);
});
