import assert from "node:assert/strict";
import { ClockWatch } from "../../ffi/clock_watch.ts";
import { must } from "../../tools/command.ts";

const SET = "import time; time.clock_settime_ns(0, time.clock_gettime_ns(0))";

Deno.test("wait() resolves each time the clock is set, and when it is to stop", async () => {
  using watch = new ClockWatch();
  const stop = new AbortController();
  for (let time = 0; time < 2; time++) {
    const waiting = watch.wait(stop.signal);
    // To what it is: other programs are not to notice.
    await must(["/usr/bin/python3", "-c", SET]);
    assert.equal(await waiting, true);
  }
  const waiting = watch.wait(stop.signal);
  stop.abort();
  assert.equal(await waiting, false);
});
