import assert from "node:assert/strict";
import { Recall } from "../../lib/recall.ts";

Deno.test("Recall.get() gives what this round or the one before made of a key, and nothing older", () => {
  const recall = new Recall<object>();
  const round = (...keys: string[]) =>
    recall.round(() => keys.map((key) => recall.get(key, () => ({ key }))));
  const [a, b] = round("a", "b");
  const [sameB, c, sameC] = round("b", "c", "c");
  assert.equal(sameB, b);
  assert.equal(sameC, c);
  assert.notEqual(round("a")[0], a);
});

Deno.test("Recall.round() that throws leaves what was known before it, and nothing else", () => {
  const recall = new Recall<object>();
  const get = (key: string) => recall.get(key, () => ({ key }));
  const a = recall.round(() => get("a"));
  let b = {};
  const failing = () => {
    b = get("b");
    throw new Error("no");
  };
  assert.throws(() => recall.round(failing), /no/);
  assert.deepEqual(recall.round(() => [get("a") === a, get("b") === b]), [true, false]);
});
