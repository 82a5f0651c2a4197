import assert from "node:assert/strict";
import { knownSize } from "../../lib/terminal.ts";

Deno.test("knownSize() takes a terminal that does not know its size for an ordinary one", () => {
  assert.deepEqual(knownSize({ columns: 0, rows: 0 }), { columns: 80, rows: 24 });
  assert.deepEqual(knownSize({ columns: 132, rows: 50 }), { columns: 132, rows: 50 });
});
