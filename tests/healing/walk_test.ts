import { walk } from "./walk.ts";
import { unpackTools } from "./tools.ts";

/** A short walk: `deno task bench walk` takes a long one. */
const EVENTS = 30;

Deno.test("a tunnel recovers from any sequence of events, and strangers stay out", async () => {
  await unpackTools();
  await walk({ events: EVENTS, seed: Math.floor(Math.random() * 2 ** 30) });
});
