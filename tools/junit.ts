/** Numbers of tests, including steps, by result. */
export interface Counts {
  passed: number;
  failed: number;
  ignored: number;
  /** What failed, by file and name, and why on further lines. Shorter than `failed` where a report does not name all. */
  failures: readonly string[];
}

const TEST = /^\s*<testcase name="([^"]*)" classname="([^"]*)" time="([\d.]+)"/gm;
/** A test that failed: its result follows its start at once, with the error's message and where it was thrown. */
const FAILURE =
  /^\s*<testcase name="([^"]*)" classname="(?:\.\/)?([^"]*)"[^>]*>\s*<(?:failure|error)\b[^>]*>([^<]*)/gm;
/** Where an error came from, past the test that it ended. */
const RUNTIME_FRAMES = /\n +at [^\n]*ext:[^]*$/;
/** Lines of an error that are shown, of its beginning and of its end. */
const REASON_LINES = [20, 15] as const;
const ENTITIES: Readonly<Record<string, string>> = { quot: '"', apos: "'", lt: "<", gt: ">", amp: "&" };
/** Separates the names of a test and its step. */
const STEP = " &gt; ";

/** Counts the tests in a report of `deno test --junit-path`. All are 0 if the text is not a report. */
export function countTests(report: string): Counts {
  const counts = { passed: 0, failed: 0, ignored: 0, failures: failuresOf(report) };
  for (const [element] of report.matchAll(/^\s*<testsuite .*>$/gm)) {
    // Attribute values cannot contain quotation marks, so a file's name cannot be mistaken for a number.
    const attributes = new Map(element.matchAll(/ (\w+)="([^"]*)"/g).map(([, name, value]) => [name, value]));
    const number = (name: string) => Number(attributes.get(name) ?? 0);
    const failed = number("failures") + number("errors");
    counts.failed += failed;
    counts.ignored += number("disabled");
    counts.passed += number("tests") - failed - number("disabled");
  }
  return counts;
}

/** Seconds that the tests of each file took, by path. A test's time includes its steps. */
export function timesOf(report: string): Map<string, number> {
  const times = new Map<string, number>();
  for (const [, name, file, seconds] of report.matchAll(TEST)) {
    const path = file!.replace(/^\.\//, "");
    if (!name!.includes(STEP)) times.set(path, (times.get(path) ?? 0) + Number(seconds));
  }
  return times;
}

/** Names of the tests that failed, with their files, and why; of a test with steps, those of its steps that failed. */
function failuresOf(report: string): string[] {
  const failed = Array.from(report.matchAll(FAILURE), ([, name, file, reason]) => {
    return { name: `${file}: ${name}`, reason: reason! };
  });
  return failed.filter(({ name }) => !failed.some((other) => other.name.startsWith(`${name}${STEP}`)))
    .map(({ name, reason }) => [unescape(name), ...reasonLines(unescape(reason))].join("\n    "));
}

/** An error's lines, without the middle of a long one. */
function reasonLines(reason: string): string[] {
  const lines = reason.replace(RUNTIME_FRAMES, "").split("\n").filter((line) => line.trim() !== "");
  const [first, last] = REASON_LINES;
  const left = lines.length - first - last;
  return left <= 1 ? lines : [...lines.slice(0, first), `[${left} lines]`, ...lines.slice(-last)];
}

function unescape(text: string): string {
  return text.replaceAll(/&(\w+);/g, (entity, name) => ENTITIES[name] ?? entity);
}

/** Adds up two reports. */
export function add(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    ignored: one.ignored + other.ignored,
    failures: [...one.failures, ...other.failures],
  };
}
