import assert from "node:assert/strict";
import { Screen, sparkline } from "../../../lib/status/screen.ts";
import type { Report } from "../../../lib/status/snapshot.ts";
import { sampleHub, samplePeerStatus } from "./samples.ts";

const SIZE = { columns: 120, rows: 24 };
const waiting = { state: "waiting", ok: false, why: "its first auth packet" } as const;
const REPORT: Report = {
  instance: sampleHub(),
  tunnels: [samplePeerStatus("a"), samplePeerStatus("bb", waiting)],
};
const NOTHING = " ".repeat(12);

function screenOf(report = REPORT): Screen {
  const screen = new Screen();
  screen.show([report], new Map());
  return screen;
}

Deno.test("Screen shows an instance, its peers with their traffic, and which keys there are", () => {
  const screen = screenOf();
  for (const rx of [0, 512, 1024]) screen.show([REPORT], new Map([["hub 7 a", { rx, tx: 0 }]]));
  assert.deepEqual(screen.lines(SIZE), [
    "hub: server at 192.0.2.1:10001 by eth0, running for 2 h 5 min: 1 of 2 peers up",
    `  bb  waiting  rx          - ${NOTHING}  tx          - ${NOTHING}  its first auth packet`,
    "  a   up       rx 1.00 KiB/s          ▁▅█  tx      0 B/s          ▁▁▁",
    "q quit   / show only",
  ]);
});

Deno.test("Screen shows in 80 columns how many peers are up, and why one is not", () => {
  const report = { ...REPORT, instance: sampleHub({ config: "hub", name: "ipipou0" }) };
  assert.deepEqual(screenOf(report).lines({ columns: 80, rows: 24 }), [
    "hub (ipipou0): server at 192.0.2.1:10001 by eth0, running for 2 h 5 min",
    "  1 of 2 peers up",
    "  bb  waiting  rx          -  tx          -  its first auth packet",
    "  a   up       rx          -  tx          -",
    "q quit   / show only",
  ]);
});

Deno.test("Screen shows why the last reload failed", () => {
  const report = { ...REPORT, instance: sampleHub({ "reload_failed": { why: "a mistake", age: 61 } }) };
  assert.match(screenOf(report).lines(SIZE)[1]!, /^ {2}reload failed 1 min ago: a mistake; /);
});

Deno.test("Screen has the number of peers in the first line where that just fits", () => {
  const first = "hub: server at 192.0.2.1:10001 by eth0, running for 2 h 5 min: 1 of 2 peers up";
  const linesAt = (columns: number) => screenOf().lines({ columns, rows: 24 });
  assert.equal(linesAt(first.length)[0], first);
  assert.deepEqual(linesAt(first.length - 1).slice(0, 2), [
    first.replace(": 1 of 2 peers up", ""),
    "  1 of 2 peers up",
  ]);
});

Deno.test("Screen draws the last twelve rates of a tunnel, and none from before it was away", () => {
  const screen = screenOf();
  const show = (rx: number) => screen.show([REPORT], new Map([["hub 7 a", { rx, tx: 0 }]]));
  const bars = () => /rx .*?\/s (.{12}) {2}tx/.exec(screen.lines(SIZE).at(-2)!)![1];
  for (const rx of [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]) show(rx);
  assert.equal(bars(), "▁▁▁▁▁▁▁▁▁▁▁█");
  screen.show([REPORT], new Map());
  show(7);
  assert.equal(bars(), "█".padStart(12));
});

Deno.test("Screen shows an instance without tunnels, unless something else is looked for", () => {
  const screen = screenOf({ instance: sampleHub(), tunnels: [] });
  assert.match(screen.lines(SIZE)[0]!, /^hub: server/);
  screen.press("/hub");
  assert.equal(screen.lines(SIZE).length, 1);
});

Deno.test("Screen narrows to what is typed after /, until Esc", () => {
  const screen = screenOf();
  const names = () => screen.lines(SIZE).flatMap((line) => /^ {2}(\w+)/.exec(line)?.[1] ?? []);
  screen.press("/");
  assert.deepEqual([names(), screen.lines(SIZE).at(-1)], [["bb", "a"], "/_"]);
  screen.press("FIRq");
  assert.deepEqual([names(), screen.lines(SIZE).at(-1)], [[], "/FIRq_"]);
  screen.press("x\b");
  screen.press("\x7f");
  screen.press("\r");
  assert.deepEqual([names(), screen.lines(SIZE).at(-1)], [
    ["bb"],
    "q quit   / show only   only: FIR   Esc: all",
  ]);
  screen.press("\x1b");
  assert.deepEqual(names(), ["bb", "a"]);
});

Deno.test("Screen ends by q, Ctrl-C and Ctrl-D, and takes a typed q for a letter", () => {
  for (
    const [keys, isOver] of [
      ...[["q", true], ["\x03", true], ["\x04", true]] as const,
      ...[["/q", false], ["/\x03", true], ["x", false]] as const,
    ]
  ) {
    const screen = screenOf();
    screen.press(keys);
    assert.equal(screen.isOver, isOver, JSON.stringify(keys));
  }
});

Deno.test("Screen has no longer lines than fit, and no more, but for one beside the keys", () => {
  const tunnels = Array.from({ length: 4_096 }, (_, index) => samplePeerStatus(`p${index}`));
  const screen = screenOf({ instance: sampleHub(), tunnels });
  const lines = screen.lines({ columns: 20, rows: 10 });
  assert.equal(lines.length, 10);
  assert.equal(lines[8], "… 4090 more lines");
  assert.ok(lines.every((line) => line.length <= 20));
  assert.deepEqual(screen.lines({ columns: 20, rows: 1 }), ["… 4098 more lines", "q quit   / show only"]);
  const emoji = screenOf({ instance: sampleHub({ config: "😀" }), tunnels: [] });
  assert.equal(emoji.lines({ columns: 1, rows: 24 })[0], "😀", "none is cut in the middle of a character");
});

Deno.test("sparkline() draws the highest number as a full bar, and 0 as the lowest", () => {
  assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8), "▁▂▃▄▅▆▇█");
  assert.equal(sparkline([0, 0], 4), "  ▁▁");
  assert.equal(sparkline([9, 9, 9], 2), "██");
  assert.equal(sparkline([], 3), "   ");
});
