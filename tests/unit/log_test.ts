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
  log.error("e", null);
  log.warning("w", null);
  log.notice("n", null);
  log.info("i");
  log.command(() => "c");
  log.debug("d");
}

Deno.test("Log says more with each level of verbosity, and everything from the highest on", () => {
  const notices = ["Error: e", "Warning: w", "n"];
  assert.deepEqual(linesOf({ verbosity: 0 }, sayEverything), notices);
  assert.deepEqual(linesOf({ verbosity: 1 }, sayEverything), [...notices, "i"]);
  assert.deepEqual(linesOf({ verbosity: 2 }, sayEverything), [...notices, "i", "c"]);
  assert.deepEqual(linesOf({ verbosity: 3 }, sayEverything), [...notices, "i", "c", "d"]);
  assert.deepEqual(linesOf({ verbosity: 9 }, sayEverything), [...notices, "i", "c", "d"]);
  linesOf({ verbosity: 1 }, (log) => log.command(() => assert.fail("a line that nobody reads")));
});

Deno.test("Log begins lines with local time and process id if configured", () => {
  const say = (log: Log) => log.notice("up", null);
  assert.deepEqual(linesOf({}, say), ["up"]);
  assert.deepEqual(linesOf({ time: true }, say), ["2026-01-02 03:04:05 up"]);
  assert.deepEqual(linesOf({ pid: 42 }, say), ["[42] up"]);
  assert.deepEqual(linesOf({ time: true, pid: 42 }, say), ["2026-01-02 03:04:05 [42] up"]);
  const late = () => new Date(2026, 11, 31, 23, 59, 59);
  assert.deepEqual(linesOf({ time: true, now: late }, say), ["2026-12-31 23:59:59 up"]);
});

Deno.test("formatWarning() makes the line that warning() writes", () => {
  const lines = linesOf({ pid: 42, priorities: true }, (log) => {
    log.warning("a\nb", null);
    assert.equal(log.formatWarning("a\nb", null), "<4>[42] Warning: a; b");
  });
  assert.deepEqual(lines, ["<4>[42] Warning: a; b"]);
});

Deno.test("Log makes one line of each event", () => {
  assert.deepEqual(linesOf({ pid: 42 }, (log) => log.error("a\nb\n", null)), ["[42] Error: a; b"]);
});

Deno.test("Log writes JSON objects, one in a line", () => {
  const lines = linesOf({ format: "json", time: true, pid: 42, priorities: true }, (log) => {
    log.warning('a "quoted"\n\u001bpart', null);
    log.command(() => "ip link");
  });
  const time = new Date(2026, 0, 2, 3, 4, 5).toISOString();
  assert.deepEqual(lines.map((line) => line.slice(0, 3)), ["<4>", "<7>"]);
  assert.deepEqual(lines.map((line) => JSON.parse(line.slice(3))), [
    { time, pid: 42, level: "warning", message: 'a "quoted"; \\u001bpart' },
    { time, pid: 42, level: "command", message: "ip link" },
  ]);
  assert.deepEqual(linesOf({ format: "json" }, (log) => log.error("e", null)), [
    '{"level":"error","message":"e"}',
  ]);
});

Deno.test("Log hides IPv4 addresses, so that each can still be followed in one run, and no other", () => {
  const say = (log: Log) => {
    log.notice("moved from 192.0.2.1:10 to 192.0.2.77:10, by 192.0.2.1", null);
    log.command(() => "ip address add 172.28.0.2/16 dev eth0.100; version 0.1");
  };
  const [first, second] = linesOf({ addresses: false }, say);
  const [, one, two, again] = /^moved from (\[\w{8}\]):10 to (\[\w{8}\]):10, by (.*)$/.exec(first!)!;
  assert.deepEqual([one === again, one === two], [true, false]);
  assert.match(second!, /^ip address add \[\w{8}\]\/16 dev eth0\.100; version 0\.1$/);
  assert.notEqual(linesOf({ addresses: false }, say)[0], first);
});

Deno.test("Log begins each line with its priority", () => {
  assert.deepEqual(linesOf({ priorities: true }, sayEverything), [
    "<3>Error: e",
    "<4>Warning: w",
    "<5>n",
    "<6>i",
    "<7>c",
    "<7>d",
  ]);
  assert.deepEqual(linesOf({ priorities: true, pid: 42 }, (log) => log.error("a\nb", null)), [
    "<3>[42] Error: a; b",
  ]);
});

Deno.test("configure() changes what the log says and how its lines begin", () => {
  const say = (log: Log) => {
    log.info("before");
    log.configure({ verbosity: 0, time: false, pid: 42 });
    log.info("unsaid");
    log.notice("after", null);
  };
  assert.deepEqual(linesOf({}, say), ["before", "[42] after"]);
});

Deno.test("Log shows what a terminal would obey or hide", () => {
  const say = (log: Log) => log.notice("a\x1b[2Jb\r\u202ec\nd é", null);
  assert.deepEqual(linesOf({}, say), ["a\\u001b[2Jb\\u000d\\u202ec; d é"]);
});
