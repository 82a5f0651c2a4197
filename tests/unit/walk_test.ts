import fc from "fast-check";
import { type Event, eventArbitrary, Walk } from "./pair/walk.ts";

/** Events of all walks together, at least. */
const EVENTS = 20_000;
const LONGEST_WALK = 200;
/** Walks of one seed. */
const WALKS = 20;

Deno.test("Servers and clients come to rest as they should, whatever happened to them", async (t) => {
  const first = Number(Deno.env.get("WALK_SEED") ?? Math.floor(Math.random() * 2 ** 30));
  let count = 0;
  const walks = fc.array(eventArbitrary, { maxLength: LONGEST_WALK, size: "max" });
  const property = fc.asyncProperty(walks, async (events) => {
    count += events.length;
    await Walk.run(events);
  });
  let seed = first;
  await t.step(`WALK_SEED=${first}`, async () => {
    while (count < EVENTS) await fc.assert(property, { numRuns: WALKS, seed: seed++ });
  });
});

/** What walks found once. */
const CASES: Record<string, readonly Event[]> = {
  "a tunnel with a private address is deleted": [["delete device", 0, 1]],
  "a tunnel is deleted while a reload changes others": [
    ["reload", 1],
    ["authenticate", 0],
    ["delete device", 0, 0],
    ["pass", 1],
  ],
  "a tunnel is set down while it is repaired": [
    ["move", 1, 0],
    ["authenticate", 0],
    ["lower", 1, 0],
    ["authenticate", 0],
  ],
  "a tunnel with a private address is deleted and the server stopped at once": [
    ["delete device", 0, 1],
    ["stop", 0],
  ],
  "the private address of a remote with a lifetime is deleted from the gate": [
    ["reload", 4],
    ["settle"],
    ["delete element", 19],
  ],
  "a tunnel was given an address of others before a start": [
    ["move", 0, 1],
    ["kill", 0],
    ["start", 0],
    ["pass", 1],
  ],
};

for (const [name, events] of Object.entries(CASES)) {
  Deno.test(`Servers and clients come to rest after ${name}`, () => Walk.run(events));
}
