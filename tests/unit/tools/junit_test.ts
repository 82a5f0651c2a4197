import assert from "node:assert/strict";
import { add, countTests, timesOf } from "../../../tools/junit.ts";

Deno.test("countTests() adds up test files without ignored tests", () => {
  const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="9" failures="3" errors="0" time="0.117">
    <testsuite name="./a_test.ts" tests="7" disabled="1" errors="0" failures="3">
        <testcase name="fails &lt;testsuite tests=&quot;90&quot;&gt;" classname="./a_test.ts" time="0.000" line="2" col="6">
            <failure message="tests &gt;">Error: tests &gt; 1

    at file:///a_test.ts:2:67
    at innerWrapped (ext:cli/40_test.js:280:11)
    at file:///a_test.ts:2:39</failure>
        </testcase>
        <testcase name="ends" classname="./a_test.ts" time="0.000" line="3" col="6">
            <error message="tests">Error: tests</error>
        </testcase>
        <testcase name="ends early" classname="./a_test.ts" time="0.000" line="4" col="6">
            <error message="tests">Error: tests</error>
        </testcase>
        <testcase name="passes" classname="./a_test.ts" time="0.000" line="5" col="6">
        </testcase>
    </testsuite>
    <testsuite name="./b failures=&quot;5&quot;.ts" tests="2" disabled="0" errors="1" failures="0">
    </testsuite>
</testsuites>
`;
  assert.deepEqual(countTests(report), {
    passed: 4,
    failed: 4,
    ignored: 1,
    failures: [
      'a_test.ts: fails <testsuite tests="90">\n    Error: tests > 1\n        at file:///a_test.ts:2:67',
      "a_test.ts: ends\n    Error: tests",
      "a_test.ts: ends early\n    Error: tests",
    ],
  });
});

Deno.test("countTests() reads the report of `deno test`", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${directory}/some_test.ts`,
      `Deno.test("a > b", () => {});
Deno.test("fails", () => { throw new Error('<testsuite name="x" tests="5">') });
Deno.test.ignore("left out", () => {});
Deno.test("has a step", async (t) => { await t.step("step", () => {}) });
Deno.test("has steps & 'more'", async (t) => {
  await t.step("passes", () => {});
  await t.step("fails", () => { throw new Error(Array.from({ length: 100 }, (_, i) => "line " + i).join("\\n")) });
});`,
    );
    const args = ["test", "--no-check", `--junit-path=${directory}/report.xml`];
    await new Deno.Command(Deno.execPath(), { args, cwd: directory, stdout: "null", stderr: "null" })
      .output();
    const report = await Deno.readTextFile(`${directory}/report.xml`);
    const { failures, ...counts } = countTests(report);
    assert.deepEqual(counts, { passed: 4, failed: 3, ignored: 1 });
    assert.equal(failures.length, 2);
    assert.match(
      failures[0]!,
      /^some_test\.ts: fails\n {4}Error: <testsuite name="x" tests="5">\n[^]*some_test\.ts:2:\d+$/,
    );
    const [name, first, ...more] = failures[1]!.split("\n    ");
    assert.equal(name, "some_test.ts: has steps & 'more' > fails");
    assert.equal(first, "Error: line 0");
    assert.equal(more.length, 35);
    assert.equal(more[18], "line 19");
    assert.match(more[19]!, /^\[\d+ lines\]$/);
    assert.match(more.at(-1)!, /^ +at .*some_test\.ts:7:\d+$/);
    assert.deepEqual([...timesOf(report).keys()], ["some_test.ts"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("countTests() counts no tests without a report", () => {
  assert.deepEqual(countTests(""), { passed: 0, failed: 0, ignored: 0, failures: [] });
});

Deno.test("timesOf() adds up the tests of a file, whose times include their steps", () => {
  const report = `<testsuites name="deno test">
    <testsuite name="./tests/a_test.ts" tests="3" disabled="0" errors="0" failures="0">
        <testcase name="one" classname="./tests/a_test.ts" time="1.500" line="2" col="6">
        </testcase>
        <testcase name="one &gt; a step" classname="./tests/a_test.ts" time="1.000" line="3" col="9">
        <testcase name="two" classname="./tests/a_test.ts" time="0.250" line="9" col="6">
    </testsuite>
</testsuites>
`;
  assert.deepEqual(timesOf(report), new Map([["tests/a_test.ts", 1.75]]));
});

Deno.test("add() adds up two reports", () => {
  const one = { passed: 1, failed: 2, ignored: 3, failures: ["a"] };
  assert.deepEqual(add(one, { passed: 10, failed: 20, ignored: 30, failures: ["b"] }), {
    passed: 11,
    failed: 22,
    ignored: 33,
    failures: ["a", "b"],
  });
});
