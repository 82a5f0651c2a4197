import assert from "node:assert/strict";
import { CLOCK } from "../../../lib/clock.ts";
import { NewsBell } from "../../../lib/kernel/news_bell.ts";
import { turn } from "../turn.ts";

/** News that come when the test says so. It throws when two wait. */
class Source {
  waits = 0;
  #current: PromiseWithResolvers<void> | null = null;

  async wait(stop: AbortSignal): Promise<void> {
    assert.equal(this.#current, null, "two wait");
    this.waits++;
    const current = this.#current = Promise.withResolvers<void>();
    const end = () => current.resolve();
    stop.addEventListener("abort", end);
    await current.promise.finally(() => this.#current = null);
  }

  ring(): void {
    this.#current?.resolve();
  }

  fail(error: Error): void {
    this.#current?.reject(error);
  }

  get isWaiting(): boolean {
    return this.#current !== null;
  }
}

const never = () => new AbortController().signal;

Deno.test("wait() wakes all who wait, by one wait for the news", async () => {
  const source = new Source();
  const bell = new NewsBell(source, CLOCK);
  const waiting = Promise.all([bell.wait(never()), bell.wait(never())]);
  await turn();
  source.ring();
  await waiting;
  assert.equal(source.waits, 1);
  const again = bell.wait(never());
  source.ring();
  await again;
  assert.equal(source.waits, 2);
});

Deno.test("wait() ends for one who stops, goes on for the others, and leaves nothing behind", async () => {
  const source = new Source();
  const bell = new NewsBell(source, CLOCK);
  const [first, second] = [new AbortController(), new AbortController()];
  const waits = [first, second].map(({ signal }) => bell.wait(signal));
  first.abort();
  await waits[0];
  assert.ok(source.isWaiting);
  second.abort();
  await waits[1];
  await turn();
  assert.ok(!source.isWaiting);
  await bell.wait(AbortSignal.abort());
  assert.equal(source.waits, 1);
});

Deno.test("wait() fails for all when the news cannot be read", async () => {
  const source = new Source();
  const bell = new NewsBell(source, CLOCK);
  const waits = [bell.wait(never()), bell.wait(never())];
  source.fail(new Error("gone"));
  for (const wait of await Promise.allSettled(waits)) assert.equal(wait.status, "rejected");
});

Deno.test("waitUntil() resolves at its moment, or when there are news before", async () => {
  const source = new Source();
  const bell = new NewsBell(source, CLOCK);
  await bell.waitUntil(CLOCK.now() + 1, never());
  await turn();
  assert.ok(!source.isWaiting);
  const waiting = bell.waitUntil(CLOCK.now() + 3_600_000, never());
  source.ring();
  await waiting;
});
