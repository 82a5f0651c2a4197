/** Random events on a real kernel, each of which a tunnel has to recover from. */
import { parseArgs } from "node:util";
import { walk } from "../healing/walk.ts";

const { values: { events, seed } } = parseArgs({
  options: {
    events: { type: "string", default: "1000" },
    seed: { type: "string", default: `${Math.floor(Math.random() * 2 ** 30)}` },
  },
});
await walk({ events: Number(events), seed: Number(seed) });
