import assert from "node:assert/strict";
import { NetlinkNews } from "../../../ffi/netlink_news.ts";

Deno.test("NetlinkNews needs no privileges for devices, addresses and routes, and refuses to be read when closed", () => {
  const news = NetlinkNews.open(null);
  news.makeRoom(10);
  news.changes();
  news[Symbol.dispose]();
  news[Symbol.dispose]();
  assert.throws(() => news.changes(), TypeError);
  assert.throws(() => news.makeRoom(20), TypeError);
});

Deno.test("wait() ends by abort, more than once, and when the sockets are closed", async () => {
  const news = NetlinkNews.open(null);
  for (let round = 0; round < 2; round++) {
    const stop = new AbortController();
    const waiting = news.wait(stop.signal);
    stop.abort();
    await waiting;
  }
  const waiting = news.wait(new AbortController().signal);
  news[Symbol.dispose]();
  await waiting;
});
