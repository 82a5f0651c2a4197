import assert from "node:assert/strict";
import { CLOCK } from "../../lib/clock.ts";
import { FakeTime } from "./fake_time.ts";

/** Whether a promise has resolved by now. */
function watch(promise: Promise<void>): { readonly isDone: boolean } {
  const state = { isDone: false };
  promise.then(() => state.isDone = true);
  return state;
}

Deno.test("waitUntil() waits until the moment, not less", async () => {
  using time = new FakeTime();
  const waiting = watch(CLOCK.waitUntil(Date.now() + 1_000, new AbortController().signal));
  await time.advance(999);
  assert.equal(waiting.isDone, false);
  await time.advance(1);
  assert.equal(waiting.isDone, true);
  assert.equal(time.pending, 0);
});

Deno.test("waitUntil() waits for a moment that has come without a timer, for a turn of everything else", async () => {
  using time = new FakeTime();
  for (const ago of [0, 1_000]) {
    const waiting = watch(CLOCK.waitUntil(Date.now() - ago, new AbortController().signal));
    assert.equal(time.pending, 0);
    await Promise.resolve();
    assert.equal(waiting.isDone, false);
    await time.settle();
    assert.equal(waiting.isDone, true);
  }
});

Deno.test("waitUntil() ends when the signal is aborted, and leaves no timer", async () => {
  using time = new FakeTime();
  for (const moment of [Date.now() + 1_000, null]) {
    const stop = new AbortController();
    const waiting = watch(CLOCK.waitUntil(moment, stop.signal));
    await time.settle();
    assert.deepEqual([waiting.isDone, time.pending], [false, 1]);
    stop.abort();
    await time.settle();
    assert.deepEqual([waiting.isDone, time.pending], [true, 0]);
  }
});

Deno.test("waitUntil() without a moment waits only for the signal", async () => {
  using time = new FakeTime();
  const stop = new AbortController();
  const waiting = watch(CLOCK.waitUntil(null, stop.signal));
  await time.advance(1e12);
  assert.equal(waiting.isDone, false);
  stop.abort();
  await time.settle();
  assert.equal(waiting.isDone, true);
});

Deno.test("waitUntil() does not wait if the signal is already aborted", async () => {
  using time = new FakeTime();
  const waiting = watch(CLOCK.waitUntil(null, AbortSignal.abort()));
  await time.settle();
  assert.deepEqual([waiting.isDone, time.pending], [true, 0]);
});

Deno.test("waitUntil() leaves no listener on signals that outlive the wait", async () => {
  using time = new FakeTime();
  const controllers = [new AbortController(), new AbortController()] as const;
  const listening = new Set<number>();
  const { addEventListener, removeEventListener } = AbortSignal.prototype;
  for (const [index, { signal }] of controllers.entries()) {
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listening.add(index);
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listening.delete(index);
      removeEventListener.apply(signal, args);
    };
  }
  const wait = () => CLOCK.waitUntil(Date.now() + 5, ...controllers.map(({ signal }) => signal));
  const untilMoment = wait();
  assert.deepEqual([...listening], [0, 1]);
  await time.advance(5);
  await untilMoment;
  assert.equal(listening.size, 0);
  const untilAborted = wait();
  controllers[1].abort();
  await untilAborted;
  assert.deepEqual([listening.size, time.pending], [0, 0]);
  await wait();
  assert.deepEqual([listening.size, time.pending], [0, 0]);
});

Deno.test("waitUntil() waits for a moment beyond the longest timer", async () => {
  using time = new FakeTime();
  const delays: number[] = [];
  const set = globalThis.setTimeout;
  globalThis.setTimeout = ((call: () => void, delay: number) => {
    delays.push(delay);
    return set(call, delay);
  }) as typeof setTimeout;
  const stop = new AbortController();
  const waiting = CLOCK.waitUntil(Date.now() + 2 ** 40, stop.signal);
  assert.deepEqual(delays, [2 ** 31 - 1]);
  stop.abort();
  await waiting;
  assert.equal(time.pending, 0);
});
