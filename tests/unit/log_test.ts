import assert from "node:assert/strict";
import { Log, type LogOptions, VERBOSITY } from "../../lib/log.ts";

/** The lines that `use` writes to a log of these options. */
function linesOf(fields: Partial<LogOptions>, use: (log: Log) => void): string[] {
  const lines: string[] = [];
  use(
    new Log({
      verbosity: VERBOSITY.debug,
      time: false,
      pid: null,
      write: (line) => lines.push(line),
      now: () => new Date(2026, 0, 2, 3, 4, 5),
      ...fields,
    }),
  );
  return lines;
}

function sayEverything(log: Log): void {
  log.error("e");
  log.warning("w");
  log.notice("n");
  log.info("i");
  log.command("c");
  log.debug("d");
}

Deno.test("Log says more with each level of verbosity, and everything from the highest on", () => {
  const notices = ["Error: e", "Warning: w", "n"];
  assert.deepEqual(linesOf({ verbosity: 0 }, sayEverything), notices);
  assert.deepEqual(linesOf({ verbosity: 1 }, sayEverything), [...notices, "i"]);
  assert.deepEqual(linesOf({ verbosity: 2 }, sayEverything), [...notices, "i", "c"]);
  assert.deepEqual(linesOf({ verbosity: 3 }, sayEverything), [...notices, "i", "c", "d"]);
  assert.deepEqual(linesOf({ verbosity: 9 }, sayEverything), [...notices, "i", "c", "d"]);
});

Deno.test("Log begins lines with local time and process id if configured", () => {
  const say = (log: Log) => log.notice("up");
  assert.deepEqual(linesOf({}, say), ["up"]);
  assert.deepEqual(linesOf({ time: true }, say), ["2026-01-02 03:04:05 up"]);
  assert.deepEqual(linesOf({ pid: 42 }, say), ["[42] up"]);
  assert.deepEqual(linesOf({ time: true, pid: 42 }, say), ["2026-01-02 03:04:05 [42] up"]);
  const late = () => new Date(2026, 11, 31, 23, 59, 59);
  assert.deepEqual(linesOf({ time: true, now: late }, say), ["2026-12-31 23:59:59 up"]);
});

Deno.test("Log begins each line of a multi-line message like the first", () => {
  assert.deepEqual(linesOf({ pid: 42 }, (log) => log.error("a\nb")), ["[42] Error: a", "[42] b"]);
});

Deno.test("Log begins each line of a message with its priority", () => {
  assert.deepEqual(linesOf({ priorities: true }, sayEverything), [
    "<3>Error: e",
    "<4>Warning: w",
    "<5>n",
    "<6>i",
    "<7>c",
    "<7>d",
  ]);
  assert.deepEqual(linesOf({ priorities: true, pid: 42 }, (log) => log.error("a\nb")), [
    "<3>[42] Error: a",
    "<3>[42] b",
  ]);
});

Deno.test("configure() changes what the log says and how its lines begin", () => {
  const say = (log: Log) => {
    log.info("before");
    log.configure({ verbosity: 0, time: false, pid: 42 });
    log.info("unsaid");
    log.notice("after");
  };
  assert.deepEqual(linesOf({}, say), ["before", "[42] after"]);
});

Deno.test("Log shows what a terminal would obey or hide, and begins each line of its own", () => {
  const say = (log: Log) => log.notice("a\x1b[2Jb\r\u202ec\nd é");
  assert.deepEqual(linesOf({}, say), ["a\\u001b[2Jb\\u000d\\u202ec", "d é"]);
});
