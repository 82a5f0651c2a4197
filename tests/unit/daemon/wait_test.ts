import assert from "node:assert/strict";
import { unlessStopped, waitUntil } from "../../../lib/daemon/wait.ts";
import { FakeTime } from "../fake_time.ts";

/** Whether a promise has resolved by now. */
function watch(promise: Promise<void>): { readonly isDone: boolean } {
  const state = { isDone: false };
  promise.then(() => state.isDone = true);
  return state;
}

Deno.test("waitUntil() waits until the moment, and no shorter", async () => {
  using time = new FakeTime();
  const waiting = watch(waitUntil(Date.now() + 1_000, new AbortController().signal));
  await time.advance(999);
  assert.equal(waiting.isDone, false);
  await time.advance(1);
  assert.equal(waiting.isDone, true);
  assert.equal(time.pending, 0);
});

Deno.test("waitUntil() does not wait for a moment that has been", async () => {
  using time = new FakeTime();
  const waiting = watch(waitUntil(Date.now() - 1_000, new AbortController().signal));
  await time.advance(0);
  assert.equal(waiting.isDone, true);
});

Deno.test("waitUntil() ends when the signal is aborted, and leaves no timer", async () => {
  using time = new FakeTime();
  for (const moment of [Date.now() + 1_000, null]) {
    const stop = new AbortController();
    const waiting = watch(waitUntil(moment, stop.signal));
    await time.settle();
    assert.deepEqual([waiting.isDone, time.pending], [false, 1]);
    stop.abort();
    await time.settle();
    assert.deepEqual([waiting.isDone, time.pending], [true, 0]);
  }
});

Deno.test("waitUntil() without a moment waits for the signal alone", async () => {
  using time = new FakeTime();
  const stop = new AbortController();
  const waiting = watch(waitUntil(null, stop.signal));
  await time.advance(1e12);
  assert.equal(waiting.isDone, false);
  stop.abort();
  await time.settle();
  assert.equal(waiting.isDone, true);
});

Deno.test("waitUntil() does not wait where the signal is aborted already", async () => {
  using time = new FakeTime();
  const waiting = watch(waitUntil(null, AbortSignal.abort()));
  await time.settle();
  assert.deepEqual([waiting.isDone, time.pending], [true, 0]);
});

Deno.test("waitUntil() leaves nothing on signals that outlive the wait", async () => {
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
  const wait = () => waitUntil(Date.now() + 5, ...controllers.map(({ signal }) => signal));
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

Deno.test("waitUntil() is not over at once for a moment later than a timer can wait", async () => {
  using time = new FakeTime();
  const delays: number[] = [];
  const set = globalThis.setTimeout;
  globalThis.setTimeout = ((call: () => void, delay: number) => {
    delays.push(delay);
    return set(call, delay);
  }) as typeof setTimeout;
  const stop = new AbortController();
  const waiting = waitUntil(Date.now() + 2 ** 40, stop.signal);
  assert.deepEqual(delays, [2 ** 31 - 1]);
  stop.abort();
  await waiting;
  assert.equal(time.pending, 0);
});

Deno.test("unlessStopped() settles as the work does, unless the signal is aborted before", async () => {
  const stop = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = stop.signal;
  stop.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(stop.signal, args);
  };
  stop.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(stop.signal, args);
  };
  assert.equal(await unlessStopped(Promise.resolve(7), stop.signal), 7);
  await assert.rejects(unlessStopped(Promise.reject(new Error("no")), stop.signal), /no/);
  assert.equal(listeners, 0);
  const { promise, reject } = Promise.withResolvers<void>();
  const waiting = unlessStopped(promise, stop.signal);
  stop.abort("SIGTERM");
  await assert.rejects(waiting, (reason) => reason === "SIGTERM");
  reject(new Error("nobody hears of it"));
  await assert.rejects(unlessStopped(new Promise(() => {}), stop.signal), (reason) => reason === "SIGTERM");
});
