import assert from "node:assert/strict";
import { Credential } from "../../../lib/registrar/credentials.ts";
import { makeProof } from "../../../lib/auth/proof.ts";
import { Sightings } from "../../../lib/registrar/sightings.ts";
import { ELSEWHERE, HOME, VERIFYING } from "./small_registrar.ts";

Deno.test("Sightings has each key where it was used last, the latest first", () => {
  const [a, b] = [0, 1].map(() => new Credential(makeProof(VERIFYING), null));
  const sightings = new Sightings([a!, b!]);
  const next = { ...HOME, port: HOME.port + 1 };
  sightings.note(a!, { source: HOME, peer: "a", isHinted: false });
  sightings.note(b!, { source: next, peer: "b", isHinted: false });
  assert.deepEqual(sightings.near(HOME), [b, a]);
  assert.deepEqual([sightings.at(HOME), sightings.at(next)], [a, b]);
  sightings.note(a!, { source: ELSEWHERE, peer: "a", isHinted: false });
  assert.deepEqual([sightings.near(HOME), sightings.near(ELSEWHERE)], [[b], [a]]);
  assert.equal(sightings.at(HOME), undefined);
  assert.deepEqual(sightings.latestFirst, [a, b]);
});
