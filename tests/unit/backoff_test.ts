import assert from "node:assert/strict";
import { Backoff } from "../../lib/backoff.ts";

Deno.test("next() doubles from 1 to 30 seconds and stays there", () => {
  const backoff = new Backoff();
  const delays = Array.from({ length: 8 }, () => backoff.next());
  assert.deepEqual(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

Deno.test("reset() starts again at one second", () => {
  const backoff = new Backoff();
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.deepEqual([backoff.next(), backoff.next()], [1_000, 2_000]);
});
