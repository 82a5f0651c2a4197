import assert from "node:assert/strict";
import { batches, share, testFiles, withTimes } from "../../../tools/share.ts";

Deno.test("share() gives each file to one worker, the next longest to the least loaded", () => {
  const times = { a: 10, b: 40, c: 30, d: 20 };
  const files = Object.entries(times).map(([path, seconds]) => ({ path, seconds }));
  assert.deepEqual(share(files, 2), [["b", "a"], ["c", "d"]]);
  assert.deepEqual(share(files, 1), [["b", "c", "d", "a"]]);
});

Deno.test("batches() gives out what takes long first, then small batches", () => {
  const times = { a: 10, b: 40, c: 30, d: 20, e: 5, f: 5 };
  const files = Object.entries(times).map(([path, seconds]) => ({ path, seconds }));
  assert.deepEqual(batches(files, 2), [["b"], ["c"], ["d"], ["a"], ["e"], ["f"]]);
});

Deno.test("testFiles() finds the test files of a folder, and those that are named, with what each took", async () => {
  const own = "tests/unit/tools/share_test.ts";
  const here = await testFiles(["tests/unit/tools"]);
  assert.ok(here.some(({ path }) => path === own));
  assert.deepEqual(here.filter(({ path }) => !/^tests\/unit\/tools\/\w+_test\.ts$/.test(path)), []);
  assert.ok((await testFiles(["tests/unit/auth"])).every(({ path }) => !path.endsWith("/vectors.ts")));
  const times: Record<string, number> = JSON.parse(
    await Deno.readTextFile(new URL("../../seconds.json", import.meta.url)),
  );
  const [measured, seconds] = Object.entries(times)[0]!;
  assert.deepEqual(await testFiles([own, measured]), [
    { path: own, seconds: 60 },
    { path: measured, seconds },
  ]);
});

Deno.test("withTimes() replaces what was measured by whole seconds, none of them less than it took", () => {
  assert.deepEqual(
    Object.entries(withTimes({ b: 2, a: 1 }, new Map([["b", 7.01], ["0", 0.2]]))),
    [["0", 1], ["a", 1], ["b", 8]],
  );
});
