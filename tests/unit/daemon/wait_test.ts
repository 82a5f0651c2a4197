import assert from "node:assert/strict";
import { unlessStopped } from "../../../lib/daemon/wait.ts";

Deno.test("unlessStopped() settles as the work does, unless the signal is aborted first", async () => {
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
  reject(new Error("ignored"));
  await assert.rejects(unlessStopped(new Promise(() => {}), stop.signal), (reason) => reason === "SIGTERM");
});
