import assert from "node:assert/strict";
import fc from "fast-check";
import { VirtualClock } from "./clock.ts";

Deno.test("VirtualClock fires waits in order of time, and each takes effect before the next", async () => {
  const clock = new VirtualClock(1_000, 0);
  const log: string[] = [];
  const wait = async (name: string, moment: number, then = () => Promise.resolve()) => {
    await clock.waitUntil(moment);
    log.push(`${name} ${clock.now()}`);
    await then();
  };
  wait("c", 30);
  wait("a", 10, () => wait("b", 20));
  wait("d", 30);
  wait("late", 41);
  await clock.advance(40);
  assert.deepEqual(log, ["a 10", "b 20", "c 30", "d 30"]);
  assert.deepEqual([clock.now(), clock.pending, clock.next], [40, 1, 41]);
  await clock.advance(1);
  assert.deepEqual([log.at(-1), clock.pending], ["late 41", 0]);
});

Deno.test("VirtualClock fires a wait that is already due at the next advance", async () => {
  const clock = new VirtualClock();
  let isDone = false;
  clock.waitUntil(clock.now() - 5).then(() => isDone = true);
  await clock.settle();
  assert.equal(isDone, false);
  await clock.advance(0);
  assert.equal(isDone, true);
});

Deno.test("VirtualClock ends a wait when a signal is aborted, and leaves nothing behind", async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const [ended, ...others] = [0, 1, 2].map(() => new AbortController());
  let count = 0;
  for (const moment of [null, clock.now() + 1000]) {
    clock.waitUntil(moment, stop.signal, ended!.signal).then(() => count++);
    clock.waitUntil(moment, stop.signal, others[0]!.signal).then(() => count++);
  }
  assert.equal(clock.pending, 4);
  ended!.abort();
  await clock.settle();
  assert.deepEqual([count, clock.pending], [2, 2]);
  await clock.waitUntil(null, ended!.signal);
  stop.abort();
  await clock.settle();
  assert.deepEqual([count, clock.pending, clock.next], [4, 0, null]);
});

Deno.test("VirtualClock fires the remaining waits in order after others were aborted", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ moment: fc.nat(50), isAborted: fc.boolean() }), { maxLength: 200 }),
      async (waits) => {
        const clock = new VirtualClock(0, 0);
        const fired: number[] = [];
        const controllers = waits.map(({ moment }) => {
          const controller = new AbortController();
          clock.waitUntil(moment, controller.signal).then(() => {
            if (!controller.signal.aborted) fired.push(moment);
          });
          return controller;
        });
        waits.forEach(({ isAborted }, index) => isAborted && controllers[index]!.abort());
        const kept = waits.filter(({ isAborted }) => !isAborted).map(({ moment }) => moment);
        assert.equal(clock.pending, kept.length);
        await clock.advance(50);
        assert.deepEqual(fired, kept.sort((a, b) => a - b));
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("VirtualClock keeps Unix time apart from the monotonic clock", async () => {
  const clock = new VirtualClock(1_000, 500);
  await clock.advance(1_500);
  assert.deepEqual([clock.now(), clock.unixTime()], [2_000, 1_001]);
  clock.jump(-3_600);
  assert.deepEqual([clock.now(), clock.unixTime()], [2_000, -2_599]);
  clock.setUnixTime(77);
  await clock.advance(1_000);
  assert.deepEqual([clock.now(), clock.unixTime()], [3_000, 78]);
});

Deno.test("VirtualClock detects a loop in which time does not move", async () => {
  const clock = new VirtualClock();
  for (let i = 0; i < 100_001; i++) clock.waitUntil(clock.now());
  clock.settle = () => Promise.resolve();
  await assert.rejects(clock.advance(1), /Time stands still/);
});
