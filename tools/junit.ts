/** How many tests, their steps among them, did what. */
export interface Counts {
  passed: number;
  failed: number;
  ignored: number;
}

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

/** What two reports say together. */
export function add(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    ignored: one.ignored + other.ignored,
  };
}
