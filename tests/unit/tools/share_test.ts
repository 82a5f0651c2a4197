import assert from "node:assert/strict";
import { share } from "../../../tools/share.ts";

Deno.test("share() gives each file to one, and the next largest to whoever has least", () => {
  const sizes = { a: 10, b: 40, c: 30, d: 20 };
  const files = Object.entries(sizes).map(([path, size]) => ({ path, size }));
  assert.deepEqual(share(files, 2), [["b", "a"], ["c", "d"]]);
  assert.deepEqual(share(files, 1), [["b", "c", "d", "a"]]);
});
