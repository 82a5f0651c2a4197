import assert from "node:assert/strict";
import { Limit } from "../../lib/limit.ts";
import { turn } from "./turn.ts";

Deno.test("run() runs no more tasks than allowed, and goes on after a failure", async () => {
  const limit = new Limit(16);
  const ends: (() => void)[] = [];
  const begin = (fails: boolean) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    ends.push(fails ? () => reject(new Error("no")) : resolve);
    return promise;
  };
  const works = Array.from({ length: 41 }, (_, index) => limit.run(() => begin(index === 0)));
  const all = Promise.allSettled(works);
  await turn();
  assert.equal(ends.length, 16);
  for (let begun = 17; begun <= 41; begun++) {
    ends.shift()!();
    await turn();
    assert.equal(ends.length, 16, "the end of one makes room for another");
  }
  for (const end of ends) end();
  assert.equal((await all).filter(({ status }) => status === "rejected").length, 1);
});
