import assert from "node:assert/strict";
import { ClockWatch } from "../../../ffi/clock_watch.ts";

Deno.test("wait() waits while the clock is not set, until it is to stop or the watch is closed", async () => {
  const watch = new ClockWatch();
  const stop = new AbortController();
  const stopped = watch.wait(stop.signal);
  stop.abort();
  assert.equal(await stopped, false);
  assert.equal(await watch.wait(stop.signal), false);
  const closed = watch.wait(new AbortController().signal);
  watch[Symbol.dispose]();
  assert.equal(await closed, false);
  watch[Symbol.dispose]();
});
