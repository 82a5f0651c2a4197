import assert from "node:assert/strict";
import fc from "fast-check";
import { type Event, eventArbitrary, Walk } from "./pair/walk.ts";

/** Events of all walks together, at least. */
const EVENTS = 20_000;
const WALKS = 220;
const LONGEST_WALK = 200;

Deno.test("Servers and clients come to rest as they should, whatever happened to them", async () => {
  const seed = Number(Deno.env.get("WALK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
  let count = 0;
  const walks = fc.array(eventArbitrary, { maxLength: LONGEST_WALK, size: "max" });
  const property = fc.asyncProperty(walks, async (events) => {
    count += events.length;
    await Walk.run(events);
  });
  await fc.assert(property, { numRuns: WALKS, seed, endOnFailure: false });
  console.log(`seed ${seed}: ${count} events`);
  assert.ok(count >= EVENTS, `${count} events are too few`);
});

/** What walks found once. */
const CASES: Record<string, readonly Event[]> = {};

for (const [name, events] of Object.entries(CASES)) {
  Deno.test(`A walk that ended badly once: ${name}`, () => Walk.run(events));
}
