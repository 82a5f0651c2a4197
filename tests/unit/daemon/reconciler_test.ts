import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { CLOCK } from "../../../lib/clock.ts";
import { Reconciler } from "../../../lib/daemon/reconciler.ts";
import { Log } from "../../../lib/log.ts";
import { FakeTime } from "../fake_time.ts";

/** Milliseconds in which a change begins that several wait for. */
const GATHERING = 2;

/** A reconciler whose changes end when the test says so. */
class Bench implements Disposable {
  readonly time = new FakeTime();
  readonly stop = new AbortController();
  readonly lines: string[] = [];
  readonly served: string[] = [];
  changes = 0;
  readonly reconciler: Reconciler;
  #current = Promise.withResolvers<void>();
  #news = Promise.withResolvers<void>();

  constructor() {
    const write = (line: string) => this.lines.push(line);
    const log = new Log({ verbosity: 1, time: false, pid: null, write, now: () => new Date() });
    const change = () => {
      this.changes++;
      this.#current = Promise.withResolvers();
      return this.#current.promise;
    };
    const news = (stop: AbortSignal) => {
      this.#news = Promise.withResolvers();
      stop.addEventListener("abort", () => this.#news.resolve());
      return this.#news.promise;
    };
    this.reconciler = new Reconciler(change, { log, clock: CLOCK, stop: this.stop.signal, news });
  }

  request(...names: string[]): void {
    for (const name of names) this.reconciler.request(name, () => this.served.push(name));
  }

  async succeed(): Promise<void> {
    await this.time.advance(GATHERING);
    this.#current.resolve();
    await this.time.advance(GATHERING);
  }

  async tell(): Promise<void> {
    this.#news.resolve();
    await this.time.settle();
  }

  async fail(message: string): Promise<void> {
    await this.time.settle();
    this.#current.reject(new Error(message));
    await this.time.settle();
  }

  [Symbol.dispose](): void {
    this.time[Symbol.dispose]();
  }
}

Deno.test("request() is served once the change has succeeded", async () => {
  using bench = new Bench();
  bench.request("a");
  await bench.time.settle();
  assert.deepEqual([bench.changes, bench.served], [1, []]);
  await bench.succeed();
  assert.deepEqual([bench.changes, bench.served], [1, ["a"]]);
});

Deno.test("isPending() is true from the request until it is served, even through failures", async () => {
  using bench = new Bench();
  assert.equal(bench.reconciler.isPending("a"), false);
  bench.request("a");
  assert.equal(bench.reconciler.isPending("a"), true);
  await bench.time.settle();
  assert.deepEqual(["a", "b"].map((name) => bench.reconciler.isPending(name)), [true, false]);
  await bench.fail("no");
  assert.equal(bench.reconciler.isPending("a"), true);
  bench.request("b");
  await bench.succeed();
  assert.deepEqual(["a", "b"].map((name) => bench.reconciler.isPending(name)), [false, true]);
});

Deno.test("request() during a change waits for the next one, together with the others", async () => {
  using bench = new Bench();
  bench.request("a");
  await bench.time.settle();
  bench.request("b", "c");
  assert.equal(bench.changes, 1);
  await bench.succeed();
  assert.deepEqual([bench.changes, bench.served], [2, ["a"]]);
  await bench.succeed();
  assert.deepEqual([bench.changes, bench.served], [2, ["a", "b", "c"]]);
});

Deno.test("request() replaces a waiting request with the same key", async () => {
  using bench = new Bench();
  bench.request("a");
  await bench.time.settle();
  for (const time of ["first", "second"]) bench.reconciler.request("b", () => bench.served.push(time));
  await bench.succeed();
  await bench.succeed();
  assert.deepEqual([bench.changes, bench.served], [2, ["a", "second"]]);
});

Deno.test("request() after a change starts another one", async () => {
  using bench = new Bench();
  bench.request("a");
  await bench.succeed();
  bench.request("b");
  await bench.succeed();
  assert.deepEqual([bench.changes, bench.served], [2, ["a", "b"]]);
});

Deno.test("request() is served together with what others ask for in the same turn", async () => {
  using bench = new Bench();
  bench.request("a");
  await Promise.resolve();
  assert.equal(bench.changes, 0);
  bench.request("b", "c");
  await bench.succeed();
  assert.deepEqual([bench.changes, bench.served], [1, ["a", "b", "c"]]);
});

Deno.test("request() is served together with what comes in turn after turn, but not for ever", async () => {
  using bench = new Bench();
  let together = 0;
  const ask = () => {
    if (bench.changes > 0) return;
    bench.request(`${together++}`, `${together++}`);
    if (together < 200) setTimeout(ask, 1);
  };
  ask();
  await bench.time.advance(100);
  await bench.succeed();
  assert.ok(together > 20 && together < 80, `${together} together`);
  assert.equal(bench.served.length, together);
});

Deno.test("request() waits no longer for others once a turn brought none", async () => {
  using bench = new Bench();
  bench.request("a");
  let turns = 0;
  const count = () => {
    if (bench.changes > 0) return;
    turns++;
    setImmediate(count);
  };
  count();
  await bench.succeed();
  assert.ok(turns < 5, `${turns} turns`);
});

Deno.test("request() from a callback is served too", async () => {
  using bench = new Bench();
  bench.reconciler.request("once", () => bench.request("again"));
  await bench.succeed();
  assert.equal(bench.changes, 2);
  await bench.succeed();
  assert.deepEqual(bench.served, ["again"]);
});

Deno.test("Reconciler retries a failed change at once, then after 1, 2, 4 seconds", async () => {
  using bench = new Bench();
  bench.request("a");
  await bench.fail("Cannot A");
  assert.equal(bench.changes, 2);
  await bench.fail("Cannot B");
  for (const [index, delay] of [1_000, 2_000, 4_000].entries()) {
    await bench.time.advance(delay - 1);
    assert.equal(bench.changes, 2 + index);
    await bench.time.advance(1);
    assert.equal(bench.changes, 3 + index);
    await bench.fail("Cannot C");
  }
  assert.deepEqual(bench.served, []);
  assert.deepEqual(bench.lines.slice(0, 3), [
    "Cannot A; looking at the kernel again",
    "Error: Cannot B; trying again in 1 s",
    "Error: Cannot C; trying again in 2 s",
  ]);
  await bench.time.advance(8_000);
  await bench.succeed();
  assert.deepEqual(bench.served, ["a"]);
});

Deno.test("Reconciler retries at once when others change something, and the log says no more for that", async () => {
  using bench = new Bench();
  bench.request("a");
  await bench.fail("Cannot");
  for (const delay of [1_000, 2_000]) {
    await bench.fail("Cannot");
    await bench.time.advance(delay);
  }
  await bench.fail("Cannot");
  const errors = () => bench.lines.filter((line) => line.startsWith("Error")).length;
  const [{ changes }, before] = [bench, errors()];
  for (let news = 1; news <= 5; news++) {
    await bench.tell();
    assert.equal(bench.changes, changes + news);
    await bench.fail("Cannot");
  }
  assert.equal(errors(), before);
  await bench.time.advance(4_000);
  assert.equal(bench.changes, changes + 6, "the pause is as long as it would have been");
  await bench.fail("Cannot");
  assert.equal(errors(), before + 1);
  await bench.tell();
  await bench.succeed();
  assert.deepEqual(bench.served, ["a"]);
});

Deno.test("Reconciler serves requests that came during failures with the change that succeeds, in order", async () => {
  using bench = new Bench();
  bench.request("a");
  await bench.time.settle();
  bench.request("b");
  await bench.fail("Cannot");
  await bench.time.advance(GATHERING);
  bench.request("c");
  await bench.succeed();
  assert.deepEqual([bench.changes, bench.served], [3, ["a", "b"]]);
  await bench.succeed();
  assert.deepEqual(bench.served, ["a", "b", "c"]);
});

Deno.test("Reconciler forgets failures once a change succeeds", async () => {
  using bench = new Bench();
  bench.request("a");
  await bench.fail("Cannot");
  await bench.fail("Cannot");
  await bench.time.advance(1_000);
  await bench.time.settle();
  bench.request("b");
  await bench.succeed();
  assert.equal(bench.changes, 4);
  await bench.fail("Cannot");
  assert.equal(bench.changes, 5, "the first failure is tried again at once");
  await bench.fail("Cannot");
  await bench.time.advance(1_000);
  assert.equal(bench.changes, 6, "and the second after the shortest time");
});

Deno.test("Reconciler stops waiting, retrying and serving when the program stops", async () => {
  using bench = new Bench();
  bench.request("a");
  await bench.fail("Cannot");
  await bench.fail("Cannot");
  assert.equal(bench.time.pending, 1);
  bench.stop.abort();
  await bench.reconciler.settled();
  await bench.time.advance(60_000);
  assert.deepEqual([bench.changes, bench.served, bench.time.pending], [2, [], 0]);
});

Deno.test("settled() waits for a running change, and not without one", async () => {
  using bench = new Bench();
  await bench.reconciler.settled();
  bench.request("a");
  let isSettled = false;
  const settled = bench.reconciler.settled().then(() => isSettled = true);
  await bench.time.settle();
  assert.equal(isSettled, false);
  await bench.succeed();
  await settled;
  assert.deepEqual(bench.served, ["a"]);
});

/** The result of an attempt, once it is known. */
function watch(attempt: Promise<void>, events: string[]): void {
  attempt.then(() => events.push("done"), (error: Error) => events.push(`failed: ${error.message}`));
}

Deno.test("attempt() resolves once a change that began afterwards succeeds", async () => {
  using bench = new Bench();
  const events: string[] = [];
  bench.request("a");
  await bench.time.settle();
  watch(bench.reconciler.attempt(() => events.push("undone")), events);
  await bench.succeed();
  assert.deepEqual([bench.changes, bench.served, events], [2, ["a"], []]);
  await bench.succeed();
  assert.deepEqual([bench.changes, events], [2, ["done"]]);
});

Deno.test("attempt() tries twice, then undoes it and requests another change", async () => {
  using bench = new Bench();
  const events: string[] = [];
  watch(bench.reconciler.attempt(() => events.push(`undone before change ${bench.changes + 1}`)), events);
  bench.request("a");
  await bench.time.settle();
  await bench.fail("first");
  assert.deepEqual([bench.changes, events], [2, []]);
  await bench.fail("second");
  await bench.time.advance(GATHERING);
  assert.deepEqual([bench.changes, events], [3, ["undone before change 3", "failed: second"]]);
  assert.deepEqual(bench.served, []);
  await bench.succeed();
  assert.deepEqual([bench.changes, bench.served, bench.time.pending], [3, ["a"], 0]);
});

Deno.test("attempt() does not wait for the end of a pause between retries", async () => {
  using bench = new Bench();
  const events: string[] = [];
  bench.request("a");
  await bench.time.settle();
  await bench.fail("first");
  await bench.fail("second");
  assert.deepEqual([bench.changes, bench.time.pending], [2, 1]);
  watch(bench.reconciler.attempt(() => events.push("undone")), events);
  await bench.time.settle();
  assert.deepEqual([bench.changes, bench.time.pending], [3, 0]);
  await bench.succeed();
  assert.deepEqual([bench.served, events], [["a"], ["done"]]);
});

Deno.test("follow() requests a change that is retried until it succeeds", async () => {
  using bench = new Bench();
  bench.reconciler.follow();
  await bench.fail("no");
  assert.equal(bench.changes, 2);
  await bench.fail("no");
  await bench.time.advance(1_000);
  await bench.succeed();
  assert.deepEqual([bench.changes, bench.served, bench.time.pending], [3, [], 0]);
});
