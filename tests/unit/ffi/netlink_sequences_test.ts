import assert from "node:assert/strict";
import { Sequences } from "../../../ffi/netlink_sequences.ts";

Deno.test("Sequences counts on, and begins again before numbers would need more than 32 bits", () => {
  const few = new Sequences();
  assert.deepEqual([few.take(1), few.take(5), few.take(1)], [1, 2, 7]);
  for (let before = 0; before < 8; before++) {
    const sequences = new Sequences(2 ** 32 - before);
    const [first, next] = [sequences.take(5), sequences.take(1)];
    assert.equal(first, before < 5 ? 1 : 2 ** 32 - before);
    assert.ok(next === first + 5 || next === 1, `${before}`);
    assert.ok(first + 4 < 2 ** 32 && next < 2 ** 32);
  }
});
