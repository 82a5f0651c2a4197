import assert from "node:assert/strict";
import fc from "fast-check";
import { SteadyFile } from "../../../lib/daemon/steady_file.ts";
import { Log } from "../../../lib/log.ts";
import { VirtualClock } from "../fake/clock.ts";

Deno.test("SteadyFile writes once a second at most, at once what is urgent, and is not woken by each change", async () => {
  const clock = new VirtualClock();
  const log = new Log({ verbosity: 0, time: false, pid: null, write: () => {}, now: () => new Date() });
  const written: [at: number, text: string][] = [];
  const start = clock.now();
  let waits = 0;
  const counting = {
    now: () => clock.now(),
    unixTime: () => clock.unixTime(),
    waitUntil: (...args: Parameters<VirtualClock["waitUntil"]>) => (waits++, clock.waitUntil(...args)),
  };
  const content = { changes: 0, urgency: 0, format: () => `${content.changes}` };
  const file = {
    path: "state",
    read: () => null,
    write: (text: string) => Promise.resolve(void written.push([clock.now() - start, text])),
  };
  const steady = new SteadyFile(file, content, "a loss", counting, log);
  const change = (urgency = 0) => {
    content.changes++;
    content.urgency += urgency;
    steady.update();
  };
  const stop = new AbortController();
  const work = steady.keep(stop.signal);
  await clock.advance(10);
  change();
  await clock.advance(10);
  assert.deepEqual(written.splice(0), [[10, "1"]]);
  waits = 0;
  for (let count = 0; count < 50; count++) {
    change();
    await clock.advance(10);
  }
  assert.ok(waits <= 1, `${waits} waits for 50 changes`);
  await clock.advance(490);
  assert.deepEqual(written.splice(0), [[1_010, "51"]]);
  change();
  await clock.advance(5);
  change(1);
  await clock.advance(5);
  assert.deepEqual(written.splice(0), [[1_015, "53"]]);
  stop.abort();
  await work;
});

Deno.test("SteadyFile misses no change, whenever it comes and however long a write takes", async () => {
  const happening = fc.record({
    urgency: fc.nat(1),
    pause: fc.constantFrom(0, 1, 50, 300, 999, 1_000, 1_001, 3_000),
    writing: fc.constantFrom(0, 10, 1_500),
  });
  const property = fc.asyncProperty(fc.array(happening, { maxLength: 12 }), async (happenings) => {
    const clock = new VirtualClock();
    const log = new Log({ verbosity: 0, time: false, pid: null, write: () => {}, now: () => new Date() });
    const content = { changes: 0, urgency: 0, format: () => `${content.changes}` };
    const stop = new AbortController();
    let [kept, writing] = ["0", 0];
    const file = {
      path: "state",
      read: () => null,
      write: async (text: string) => {
        if (writing > 0) await clock.waitUntil(clock.now() + writing, new AbortController().signal);
        kept = text;
      },
    };
    const steady = new SteadyFile(file, content, "a loss", clock, log);
    const work = steady.keep(stop.signal);
    for (const { urgency, pause, writing: time } of happenings) {
      writing = time;
      content.changes++;
      content.urgency += urgency;
      steady.update();
      await clock.advance(pause);
    }
    // The write that runs, the pause after it, and another write.
    await clock.advance(1_500 + 1_000 + 1_500);
    assert.equal(kept, `${content.changes}`);
    stop.abort();
    await work;
  });
  await fc.assert(property, { numRuns: 200 });
});
