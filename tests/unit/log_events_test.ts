import assert from "node:assert/strict";
import fc from "fast-check";
import { showInvisible } from "../../lib/errors.ts";
import { Log } from "../../lib/log.ts";
import { EVENTS, formatPairs, type LogEvent } from "../../lib/log_events.ts";
import { readLogLine } from "../read_log.ts";

const ROOT = new URL("../../", import.meta.url);
const DOCUMENT = Deno.readTextFileSync(new URL("docs/log.md", ROOT));

/** The first cells of the rows of a table whose head begins with this word. */
function rowsOf(head: string): string[][] {
  const lines = DOCUMENT.split("\n");
  return lines.flatMap((line, index) => {
    if (!line.startsWith(`| ${head} `)) return [];
    const rows = lines.slice(index + 2);
    return rows.slice(0, rows.findIndex((row) => !row.startsWith("|"))).map((row) =>
      row.split("|").slice(1, -1)
    );
  });
}

function nameIn(cell: string): string {
  return /^ `([a-z-]+)` *$/.exec(cell)![1]!;
}

/** Keys as in `EVENTS`: those in brackets are not always there. */
function keysIn(cell: string): string[] {
  return [...cell.matchAll(/(\()?`(\w+)`/g)].map(([, bracket, key]) => bracket ? `${key}?` : key!);
}

function logTo(lines: string[], options: { format?: "text" | "json"; addresses?: boolean } = {}): Log {
  const write = (line: string) => lines.push(line);
  return new Log({
    verbosity: 1,
    time: false,
    pid: null,
    pairs: true,
    write,
    now: () => new Date(),
    ...options,
  });
}

Deno.test("docs/log.md has each event with its keys, and none that there is not", () => {
  const events = rowsOf("event").map(([word, keys]) => [nameIn(word!), keysIn(keys!)] as const);
  assert.deepEqual(Object.fromEntries(events), EVENTS);
  assert.equal(events.length, Object.keys(EVENTS).length, "a word stands twice");
});

Deno.test("docs/log.md explains each key, and none that there is not", () => {
  const keys = rowsOf("key").map(([key]) => nameIn(key!)).sort();
  const used = new Set(Object.values(EVENTS).flat().map((key) => key.replace("?", "")));
  assert.deepEqual(keys, [...used].sort());
});

Deno.test("each event is told somewhere", () => {
  const sources = ["main.ts", ...filesBelow("lib/")].filter((path) => path !== "lib/log_events.ts")
    .map((path) => Deno.readTextFileSync(new URL(path, ROOT))).join("\n");
  const isTold = (word: string) =>
    sources.includes(`event: "${word}"`) || new RegExp(`const event = .*"${word}"`).test(sources);
  assert.deepEqual(Object.keys(EVENTS).filter((word) => !isTold(word)), []);
});

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}${name}/`) : [`${folder}${name}`]
  );
}

Deno.test("LogEvent has the keys of its event, and no others", () => {
  const events: LogEvent[] = [
    { event: "heard", peer: "a", seconds: 3 },
    { event: "adopted", peer: "a" },
    // @ts-expect-error: there is no such event
    { event: "herd", peer: "a", seconds: 3 },
    // @ts-expect-error: it does not have this key
    { event: "heard", peer: "a", seconds: 3, remote: "192.0.2.1:1" },
    // @ts-expect-error: it lacks one
    { event: "heard", peer: "a" },
    // @ts-expect-error: seconds are a number
    { event: "heard", peer: "a", seconds: "3" },
    // @ts-expect-error: and what need not be there is text
    { event: "adopted", peer: "a", remote: 3 },
  ];
  assert.equal(events.length, 7);
});

Deno.test("formatPairs() quotes what is not one plain word", () => {
  const cases: [string | number | undefined, string[]][] = [
    ["office", ["x=office"]],
    ["192.0.2.1:10001,192.0.2.1:10002", ["x=192.0.2.1:10001,192.0.2.1:10002"]],
    ["[0123abcd]:10", ["x=[0123abcd]:10"]],
    [40, ["x=40"]],
    [-3, ["x=-3"]],
    ["é", ['x="é"']],
    ["", ['x=""']],
    ["wrong token", ['x="wrong token"']],
    ["a=b", ['x="a=b"']],
    ['say "hi"', ['x="say \\"hi\\""']],
    ["a\\b", ['x="a\\\\b"']],
    ["a\nb", ['x="a\\nb"']],
    ["a\u202eb", ['x="a\\u202eb"']],
    ["a\u00a0b", ['x="a\u00a0b"']],
    [undefined, []],
  ];
  for (const [x, expected] of cases) assert.deepEqual(formatPairs({ x }), expected);
});

Deno.test("a line can be read back, as text and as JSON, whatever is in it", () => {
  const value = fc.string({ unit: fc.constantFrom(..." =\"\\\n\u202e'aé\u00a0", " event=up", " x=1") });
  fc.assert(fc.property(value, value, value, (message, peer, remote) => {
    const lines: string[] = [];
    const event: LogEvent = { event: "silent", peer, remote, seconds: 7 };
    logTo(lines).notice(message, event);
    logTo(lines, { format: "json" }).notice(message, event);
    const [text, json] = lines as [string, string];
    for (const line of lines) assert.equal(showInvisible(line), line);
    const sentence = showInvisible(message.trimEnd().replaceAll("\n", "; "));
    assert.deepEqual(readLogLine(text), { sentence, pairs: { ...event, seconds: "7" } });
    assert.deepEqual(JSON.parse(json), { level: "notice", message: sentence, ...event });
  }));
});

Deno.test("Log hides an address in the pairs as in the sentence", () => {
  for (const format of ["text", "json"] as const) {
    const lines: string[] = [];
    const log = logTo(lines, { format, addresses: false });
    log.notice("a: moved from 192.0.2.1:10 to 192.0.2.77:20", {
      event: "moved",
      peer: "a",
      from: "192.0.2.1:10",
      remote: "192.0.2.77:20",
      port: 10001,
    });
    const { sentence, pairs } = format === "text"
      ? readLogLine(lines[0]!)
      : { sentence: JSON.parse(lines[0]!).message, pairs: JSON.parse(lines[0]!) };
    const [, from, to] = /^a: moved from (\[\w{8}\]:10) to (\[\w{8}\]:20)$/.exec(sentence)!;
    assert.deepEqual([pairs!.from, pairs!.remote], [from, to]);
    assert.doesNotMatch(lines[0]!, /192/);
  }
});

Deno.test("Log writes no pairs for people alone, at what tells of no event, or at commands and single packets", () => {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const options = { verbosity: 3, time: false, pid: null, write, now: () => new Date() };
  new Log(options).notice("a: heard again after 3 s", { event: "heard", peer: "a", seconds: 3 });
  const log = new Log({ ...options, pairs: true });
  log.warning("remove it: ip fou del port 10001", null);
  log.info("sent auth packet");
  log.command(() => "ip link");
  log.debug("one");
  assert.deepEqual(lines, [
    "a: heard again after 3 s",
    "Warning: remove it: ip fou del port 10001",
    "sent auth packet",
    "ip link",
    "one",
  ]);
});
