import assert from "node:assert/strict";
import { EventFd } from "../../../ffi/event_fd.ts";
import { Libc } from "../../../ffi/libc.ts";
import { Waiter } from "../../../ffi/waiter.ts";

/** A waiter for two descriptors that are readable once signalled. */
class Scene implements Disposable {
  readonly libc = new Libc();
  readonly first = new EventFd(this.libc);
  readonly second = new EventFd(this.libc);
  readonly waiter: Waiter;
  isFreed = false;

  constructor() {
    using resources = new DisposableStack();
    resources.defer(() => this.isFreed = true);
    this.waiter = new Waiter("the test", [this.first.fd, this.second.fd], this.libc, resources);
  }

  /** Whether a promise is still pending after another poll. */
  async isPending(promise: Promise<void>): Promise<boolean> {
    let isPending = true;
    promise.then(() => isPending = false);
    using event = new EventFd(this.libc);
    event.signal();
    await this.libc.pollReadable("wait", [event.fd]);
    return isPending;
  }

  [Symbol.dispose](): void {
    this.waiter.close();
    this.first[Symbol.dispose]();
    this.second[Symbol.dispose]();
    this.libc[Symbol.dispose]();
  }
}

Deno.test("wait() resolves when any descriptor becomes readable, again and again", async () => {
  using scene = new Scene();
  const { waiter, first, second } = scene;
  for (const event of [first, second, first]) {
    const waiting = waiter.wait();
    assert.equal(await scene.isPending(waiting), true);
    event.signal();
    await waiting;
    await waiter.wait();
    event.clear();
  }
});

Deno.test("wait() resolves when its signal is aborted, and does not affect the next wait", async () => {
  using scene = new Scene();
  const { waiter, first } = scene;
  const stop = new AbortController();
  const waiting = waiter.wait(stop.signal);
  stop.abort();
  await waiting;
  await waiter.wait(stop.signal);
  const next = waiter.wait();
  assert.equal(await scene.isPending(next), true);
  first.signal();
  await next;
});

Deno.test("wait() is not woken by an earlier abort that came together with readable data", async () => {
  using scene = new Scene();
  const { waiter, first } = scene;
  const stop = new AbortController();
  const waiting = waiter.wait(stop.signal);
  first.signal();
  stop.abort();
  await waiting;
  first.clear();
  const next = waiter.wait();
  assert.equal(await scene.isPending(next), true);
  first.signal();
  await next;
});

Deno.test("wait() refuses a second waiter", async () => {
  using scene = new Scene();
  const { waiter, first } = scene;
  const waiting = waiter.wait();
  await assert.rejects(waiter.wait(), { message: "Cannot read the test as another reader waits for it" });
  first.signal();
  await waiting;
});

Deno.test("close() ends a pending wait before it frees the descriptors", async () => {
  using scene = new Scene();
  const { waiter } = scene;
  const waiting = waiter.wait();
  waiter.close();
  assert.equal(scene.isFreed, false);
  await waiting;
  assert.equal(scene.isFreed, true);
  waiter.close();
  await waiter.wait();
});

Deno.test("close() frees the descriptors at once when no wait is pending", () => {
  using scene = new Scene();
  scene.waiter.close();
  assert.equal(scene.isFreed, true);
});
