import assert from "node:assert/strict";
import { ClockWatch } from "../../ffi/clock_watch.ts";
import { must } from "../../tools/command.ts";

Deno.test("wait() resolves each time the clock is set, and when it is to stop", async () => {
  using watch = new ClockWatch();
  const stop = new AbortController();
  for (let time = 0; time < 2; time++) {
    const waiting = watch.wait(stop.signal);
    // Never back: other tests' auth packets would be taken for repeated ones.
    await must(["sh", "-c", "date -s @$(($(date +%s) + 3))"]);
    assert.equal(await waiting, true);
  }
  const waiting = watch.wait(stop.signal);
  stop.abort();
  assert.equal(await waiting, false);
});
