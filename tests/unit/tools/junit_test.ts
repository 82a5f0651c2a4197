import assert from "node:assert/strict";
import { add, countTests } from "../../../tools/junit.ts";

Deno.test("countTests() adds up test files and leaves out what was ignored", () => {
  const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="9" failures="3" errors="0" time="0.117">
    <testsuite name="./a_test.ts" tests="7" disabled="1" errors="0" failures="3">
        <testcase name="fails &lt;testsuite tests=&quot;90&quot;&gt;" classname="./a_test.ts" time="0.000" line="2" col="6">
            <failure message="tests">Error: tests</failure>
        </testcase>
    </testsuite>
    <testsuite name="./b failures=&quot;5&quot;.ts" tests="2" disabled="0" errors="1" failures="0">
    </testsuite>
</testsuites>
`;
  assert.deepEqual(countTests(report), { passed: 4, failed: 4, ignored: 1 });
});

Deno.test("countTests() reads what `deno test` writes", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${directory}/some_test.ts`,
      `Deno.test("a > b", () => {});
Deno.test("fails", () => { throw new Error('<testsuite name="x" tests="5">') });
Deno.test.ignore("left out", () => {});
Deno.test("has a step", async (t) => { await t.step("step", () => {}) });`,
    );
    const args = ["test", "--no-check", `--junit-path=${directory}/report.xml`, directory];
    await new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "null" }).output();
    const report = await Deno.readTextFile(`${directory}/report.xml`);
    assert.deepEqual(countTests(report), { passed: 3, failed: 1, ignored: 1 });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("countTests() of no report is no test", () => {
  assert.deepEqual(countTests(""), { passed: 0, failed: 0, ignored: 0 });
});

Deno.test("add() adds up two reports", () => {
  const one = { passed: 1, failed: 2, ignored: 3 };
  assert.deepEqual(add(one, { passed: 10, failed: 20, ignored: 30 }), {
    passed: 11,
    failed: 22,
    ignored: 33,
  });
});
