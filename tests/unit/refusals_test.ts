import assert from "node:assert/strict";
import { RefusalReport } from "../../lib/refusals.ts";

const NOW = 1_795_219_200_000;
const STRANGER = { ip: "203.0.113.9", port: 666 };

Deno.test("note() returns a line with the source and the reason", () => {
  const line = new RefusalReport().note(STRANGER, "wrong token", NOW);
  assert.equal(line, "refused auth packet from 203.0.113.9:666: wrong token");
});

Deno.test("note() returns a line a minute and counts what it kept back", () => {
  const report = new RefusalReport();
  report.note(STRANGER, "wrong token", NOW);
  assert.equal(report.note(STRANGER, "wrong token", NOW), null);
  assert.equal(report.note({ ...STRANGER, port: 1 }, "wrong length", NOW + 59_999), null);
  assert.equal(
    report.note(STRANGER, "wrong length", NOW + 60_000),
    "refused auth packet from 203.0.113.9:666: wrong length; 2 more since the last such line",
  );
  assert.equal(report.note(STRANGER, "wrong length", NOW + 119_999), null);
});

Deno.test("note() resets the count once it was logged", () => {
  const report = new RefusalReport();
  for (const time of [NOW, NOW, NOW + 60_000]) report.note(STRANGER, "wrong token", time);
  assert.doesNotMatch(report.note(STRANGER, "wrong token", NOW + 120_000)!, /more/);
});
