import assert from "node:assert/strict";
import { type Figures, readFigures } from "../../healing/figures.ts";
import { picture, table } from "../../healing/report.ts";

const FLUSH: Figures = {
  what: "a ruleset is <flushed>",
  tool: "nft flush ruleset",
  took: 70,
  opened: 60,
  seen: 65,
  repaired: 300,
  first: null,
  outage: 0,
  healed: 0,
  open: 320,
  lost: 0,
  tcp: 20,
};
const RESTART: Figures = {
  ...FLUSH,
  what: "a restart",
  opened: null,
  open: 0,
  first: 1_900,
  outage: 1_840,
  lost: 46,
};

Deno.test("readFigures() finds the lines with figures among all others", () => {
  const output = `running 2 tests\n\nfigures ${JSON.stringify(FLUSH)}\n--\n  figures ${
    JSON.stringify(RESTART)
  }\nok\n`;
  assert.deepEqual(readFigures(output), [FLUSH, RESTART]);
});

Deno.test("table() has a line for each row", () => {
  const lines = table([FLUSH, RESTART]).trimEnd().split("\n");
  assert.equal(lines.length, 4);
  assert.equal(lines[3], "| a restart | `nft flush ruleset` | 0.07 s | 0 | 1.84 s | 46 | 0 |");
});

Deno.test("picture() marks what happened, and nothing else", () => {
  const count = (rows: readonly Figures[], kind: string) =>
    [...picture(rows).matchAll(new RegExp(`<g>.*?</g>`, "gs"))]
      .filter(([lane]) => lane.includes(`class="${kind}"`)).length;
  assert.equal(count([FLUSH, RESTART], "seen"), 2);
  assert.equal(count([FLUSH, RESTART], "open"), 1);
  assert.equal(count([FLUSH, RESTART], "outage"), 1);
  assert.equal(count([FLUSH, RESTART], "first"), 1);
  assert.ok(picture([FLUSH]).includes("a ruleset is &lt;flushed&gt;"));
});
