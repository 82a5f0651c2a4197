import assert from "node:assert/strict";
import type { Admission } from "../../../lib/admission.ts";
import { Flapping, type Telling } from "../../../lib/daemon/flapping.ts";

const [A, B, C] = [1, 2, 3].map((port): Admission => ({
  remote: { ip: "198.51.100.2", port },
  port: 1,
  expiresAt: null,
}));

/** Moves a peer through these places, so many seconds apart. */
function walk(places: readonly Admission[], seconds: number): Telling[] {
  const flapping = new Flapping();
  return places.slice(1).map((to, index) => flapping.note("p", places[index]!, to, index * seconds * 1_000));
}

Deno.test("note() tells a few moves, then sums up the back and forth, once a minute", () => {
  const places = Array.from({ length: 17 }, (_, index) => index % 2 === 0 ? A! : B!);
  const telling = walk(places, 10);
  assert.deepEqual(telling.slice(0, 4), ["move", "move", "move", { moves: 3 }]);
  assert.deepEqual(telling.slice(4, 9), Array(5).fill("nothing"));
  assert.deepEqual(telling[9], { moves: 6 });
});

Deno.test("note() tells each move that is no return, or a late one", () => {
  assert.deepEqual(new Set(walk([A!, B!, C!, A!, B!, C!, A!, B!, C!], 10)), new Set(["move"]));
  assert.deepEqual(new Set(walk([A!, B!, A!, B!, A!, B!, A!], 60)), new Set(["move"]));
});

Deno.test("note() tells moves again once the back and forth has ended", () => {
  const telling = walk([A!, B!, A!, B!, A!, C!, B!], 10);
  assert.deepEqual(telling, ["move", "move", "move", { moves: 3 }, "move", "move"]);
});
