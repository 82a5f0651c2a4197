import assert from "node:assert/strict";
import { CLOCK } from "../../../lib/clock.ts";
import { Turns } from "../../../lib/daemon/turns.ts";
import { FakeTime } from "../fake_time.ts";

const ONCE = () => 1;

Deno.test("start() runs turns until no work is left", async () => {
  using time = new FakeTime();
  let left = 3;
  const turns = new Turns(() => --left > 0, ONCE, CLOCK, new AbortController().signal);
  turns.start();
  await time.settle();
  assert.equal(left, 3, "the first is not at once");
  await time.advance(1);
  assert.equal(left, 2);
  await time.advance(10);
  assert.deepEqual([left, time.pending], [0, 0]);
  left = 1;
  turns.start();
  await time.advance(1);
  assert.equal(left, 0);
});

Deno.test("start() changes nothing while turns run", async () => {
  using time = new FakeTime();
  let count = 0;
  const turns = new Turns(() => ++count < 5, ONCE, CLOCK, new AbortController().signal);
  turns.start();
  turns.start();
  await time.advance(1);
  turns.start();
  assert.equal(count, 1);
});

/** When turns of these durations begin, in milliseconds from one to the next. */
async function pausesAfter(durations: readonly number[], patience: () => number): Promise<number[]> {
  using time = new FakeTime();
  const begins: number[] = [];
  const turns = new Turns(
    () => {
      const end = performance.now() + (durations[begins.push(Date.now()) - 1] ?? 0);
      performance.now = () => end;
      return begins.length <= durations.length;
    },
    patience,
    CLOCK,
    new AbortController().signal,
  );
  turns.start();
  await time.advance(500);
  // Timers do not see the time that passes in a turn: the time between two turns is the pause.
  return begins.slice(1).map((begin, index) => begin - begins[index]!);
}

Deno.test("start() pauses after each turn as long as it took", async () => {
  assert.deepEqual(await pausesAfter([3, 10], ONCE), [3, 10]);
});

Deno.test("start() pauses as many times as long as it is told after each turn", async () => {
  const patience = [7, 15];
  assert.deepEqual(await pausesAfter([3, 10], () => patience.shift()!), [21, 150]);
});

Deno.test("start() runs no more turns once the program is to stop", async () => {
  using time = new FakeTime();
  const stop = new AbortController();
  let count = 0;
  new Turns(() => ++count > 0, ONCE, CLOCK, stop.signal).start();
  await time.advance(2);
  stop.abort();
  await time.advance(100);
  assert.deepEqual([count, time.pending], [2, 0]);
});
