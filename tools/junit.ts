/** How many tests, their steps among them, did what. */
export interface Counts {
  passed: number;
  failed: number;
  ignored: number;
}

const TEST = /^\s*<testcase name="([^"]*)" classname="([^"]*)" time="([\d.]+)"/gm;
/** What is between the names of a test and its step. */
const STEP = " &gt; ";

/** Counts the tests in a report of `deno test --junit-path`; all are 0 for a text that is none. */
export function countTests(report: string): Counts {
  const counts = { passed: 0, failed: 0, ignored: 0 };
  for (const [element] of report.matchAll(/^\s*<testsuite .*>$/gm)) {
    // Attribute values cannot hold quotation marks, so a test file's name cannot pass for a number.
    const attributes = new Map(element.matchAll(/ (\w+)="([^"]*)"/g).map(([, name, value]) => [name, value]));
    const number = (name: string) => Number(attributes.get(name) ?? 0);
    const failed = number("failures") + number("errors");
    counts.failed += failed;
    counts.ignored += number("disabled");
    counts.passed += number("tests") - failed - number("disabled");
  }
  return counts;
}

/** How long the tests of each file took, in seconds, by its path; steps are part of their tests. */
export function timesOf(report: string): Map<string, number> {
  const times = new Map<string, number>();
  for (const [, name, file, seconds] of report.matchAll(TEST)) {
    const path = file!.replace(/^\.\//, "");
    if (!name!.includes(STEP)) times.set(path, (times.get(path) ?? 0) + Number(seconds));
  }
  return times;
}

/** What two reports say together. */
export function add(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    ignored: one.ignored + other.ignored,
  };
}
