import assert from "node:assert/strict";
import { LinkMonitor } from "../../../ffi/link_monitor.ts";

Deno.test("changes() yields at once, and ends when it is told to, also while it waits", async () => {
  using monitor = LinkMonitor.open();
  const stop = new AbortController();
  const changes = monitor.changes(stop.signal);
  assert.deepEqual(await changes.next(), { done: false, value: undefined });
  const next = changes.next();
  stop.abort();
  assert.equal((await next).done, true);
});
