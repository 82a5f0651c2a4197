import assert from "node:assert/strict";
import { Places, readPlaces } from "../../../lib/daemon/places.ts";
import { Log } from "../../../lib/log.ts";
import { newHost } from "../fake/scene.ts";

const HOME = { remote: { ip: "198.51.100.2", port: 40_001 }, port: 10_000 };

/** A record that begins with this text, and what it wrote. */
function recordOf(text: string | null) {
  const written: string[] = [];
  const file = {
    path: "/places",
    read: () => text,
    write: (text: string) => Promise.resolve(void written.push(text)),
  };
  const log = new Log({ verbosity: 3, time: false, pid: null, write: () => {}, now: () => new Date() });
  const { system } = newHost().start();
  return { places: new Places(file, { system, log }), written };
}

Deno.test("Places writes the last change down when it is closed, and reads that again", async () => {
  const { places, written } = recordOf(null);
  places.note("a", HOME);
  await places.close();
  assert.equal(written.length, 1);
  assert.deepEqual(recordOf(written[0]!).places.of("a"), HOME);
  await places.close();
  assert.equal(written.length, 1, "there was nothing new");
});

Deno.test("Places counts what changes, and forgets peers that are no more", () => {
  const { places } = recordOf(null);
  places.note("a", HOME);
  places.note("b", HOME);
  const { changes } = places;
  places.note("a", { remote: { ...HOME.remote }, port: HOME.port });
  places.forget("c");
  places.keepOnly(new Set(["a", "b"]));
  assert.equal(places.changes, changes);
  places.keepOnly(new Set(["b"]));
  assert.deepEqual([places.of("a"), places.of("b")], [undefined, HOME]);
  assert.equal(places.changes, changes + 1);
});

Deno.test("readPlaces() takes nothing that cannot be a place", () => {
  const text = JSON.stringify([
    ["a", "198.51.100.2", 40_001, 10_000],
    ["b", "0.0.0.0", 1, 2],
    ["c", "224.0.0.1", 1, 2],
    ["d", "198.51.100.2", 0, 2],
    ["e", "198.51.100.2", 1, 65_536],
    ["f", "198.51.100.2", "1", 2],
    [1, "198.51.100.2", 1, 2],
    "g",
    null,
  ]);
  assert.deepEqual([...readPlaces(text)], [["a", HOME]]);
  for (const broken of [null, "", "{", "{}", "7"]) assert.equal(readPlaces(broken).size, 0);
});
