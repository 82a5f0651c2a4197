import assert from "node:assert/strict";
import { Patience } from "../../../lib/daemon/patience.ts";
import type { Outcome, Refused } from "../../../lib/registrar/outcome.ts";
import { samplePeer } from "../samples.ts";

const DATAGRAM = {
  source: { ip: "198.51.100.2", port: 1 },
  destination: { ip: "192.0.2.1", port: 2 },
  payload: new Uint8Array(73),
};
const JUNK: Refused = { kind: "refused", datagram: DATAGRAM, refusal: "wrong signature" };
const FOUND: readonly Outcome[] = [
  { kind: "asked", datagram: DATAGRAM, peer: samplePeer() },
  { ...JUNK, refusal: "another peer is there", peer: "a" },
];

function after(count: number): Patience {
  const patience = new Patience();
  for (let turn = 0; turn < count; turn++) patience.note(turn % 3 === 0 ? [JUNK, JUNK] : []);
  return patience;
}

Deno.test("Patience leaves searches half of the time, an eighth where it is urgent, a sixteenth where they are in vain", () => {
  assert.deepEqual([after(0).pauses(false), after(0).pauses(true)], [1, 7]);
  assert.deepEqual([after(255).pauses(false), after(255).pauses(true)], [1, 7]);
  assert.deepEqual([after(256).pauses(false), after(256).pauses(true)], [15, 15]);
});

Deno.test("Patience takes a key that was found, whatever became of its packet, for a sign of clients", () => {
  for (const found of FOUND) {
    const patience = after(1_000);
    patience.note([JUNK, found]);
    assert.equal(patience.pauses(false), 1, found.kind);
  }
});
