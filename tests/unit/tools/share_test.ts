import assert from "node:assert/strict";
import { batches, share } from "../../../tools/share.ts";

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
