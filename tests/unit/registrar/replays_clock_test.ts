import assert from "node:assert/strict";
import fc from "fast-check";
import { Replays } from "../../../lib/registrar/replays.ts";
import { layOut } from "../../../lib/auth/ed25519.ts";
import { samplePeer } from "../samples.ts";
import { OLD, Runs, takeBare } from "./replays_scene.ts";
import {
  authPacket,
  ELSEWHERE,
  HOME,
  nextSalt,
  noReplays,
  SIGNING,
  UNIX,
  VERIFYING,
} from "./small_registrar.ts";

Deno.test("handle() lets a client in again once its clock is right, however far ahead it was, and no old packet of it", () => {
  const runs = new Runs();
  const before = [0, 1, 2].map((time) => authPacket(SIGNING, HOME, UNIX + time));
  for (const packet of before) runs.take(packet);
  const far = [0, 1, 2].map((time) => authPacket(SIGNING, HOME, UNIX + 3_600 + time));
  for (const packet of far) assert.equal(runs.take(packet, UNIX + 5), "ipipou0");
  for (const packet of [...before, ...far]) assert.notEqual(runs.take(packet, UNIX + 6), "ipipou0");
  assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX + 7), UNIX + 7), "ipipou0");
  for (let time = UNIX + 3_500; time < UNIX + 3_700; time++) {
    for (const packet of [...before, ...far]) assert.notEqual(runs.take(packet, time), "ipipou0");
  }
  assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX + 3_700), UNIX + 3_700), "ipipou0");
});

Deno.test("handle() lets a client in whenever its clock is right, however long it was ahead and by how much", () => {
  for (
    const [ahead, seconds] of [[3_600, 600], [3_600, 86_400], [7_200, 7_200], [86_400, 200_000]] as const
  ) {
    const replays = noReplays();
    const take = (time: number, now: number) => takeBare(replays, time, now);
    let now = UNIX;
    for (const until = now + seconds; now < until; now += 25) assert.ok(take(now + ahead, now));
    // From here on it is right, which shows within a minute.
    const rightSince = now;
    let [refusedSince, longest] = [Infinity, 0];
    for (const until = now + ahead + seconds + 3_600; now < until;) {
      const isIn = take(now, now);
      if (!isIn && now < rightSince + 60) {
        now += 3;
        continue;
      }
      if (!isIn) refusedSince = Math.min(refusedSince, now);
      else {
        longest = Math.max(longest, now - refusedSince);
        refusedSince = Infinity;
      }
      now += isIn ? 25 : 3;
    }
    const isRemembered = Math.min(seconds, ahead) / 25 <= 256;
    assert.ok(longest <= (isRemembered ? 0 : 600), `${ahead} s ahead for ${seconds} s: out for ${longest} s`);
  }
});

Deno.test("handle() refuses a packet that somebody held back while its client goes on, also one that is ahead", () => {
  const runs = new Runs();
  const held = authPacket(SIGNING, HOME, UNIX + 3_660);
  for (let time = UNIX; time < UNIX + 3_700; time += 25) {
    if (time > UNIX + 50) assert.equal(runs.take(held, time), OLD);
    assert.equal(runs.take(authPacket(SIGNING, HOME, time + 3_601 + 25), time), "ipipou0");
  }
  // Whatever is ahead still, it also refuses after a silence.
  assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX + 7_290), UNIX + 4_000), OLD);
});

Deno.test("handle() refuses what was ahead when its time comes, accepted or too far, also in any order and after a restart", () => {
  for (const replay of ["strict", "window"] as const) {
    for (const maxTimeDiscrepancy of [0, 30]) {
      const runs = new Runs([{ scheme: VERIFYING, replay, maxTimeDiscrepancy }]);
      const far = [100, 101, 3_600].map((time) => authPacket(SIGNING, HOME, UNIX + time));
      for (const [index, packet] of far.entries()) {
        const expected = maxTimeDiscrepancy === 0 ? "ipipou0" : "time too far from ours";
        assert.equal(runs.take(packet, UNIX + index), expected);
      }
      for (let time = UNIX + 5; time < UNIX + 3_700; time += 25) {
        assert.equal(runs.take(authPacket(SIGNING, HOME, time), time), "ipipou0");
        for (const packet of far) assert.notEqual(runs.take(packet, time + 1, ELSEWHERE), "ipipou0");
        if (time % 100 < 25) runs.start(runs.save(true), time + 2);
      }
    }
  }
});

Deno.test("handle() lets a client in whose clock was ahead twice, as soon as it is right", () => {
  const runs = new Runs();
  for (const day of [0, 10]) {
    const now = UNIX + 86_400 * day;
    assert.equal(runs.take(authPacket(SIGNING, HOME, now + 3_600), now), "ipipou0");
    assert.equal(runs.take(authPacket(SIGNING, HOME, now + 1), now + 1), "ipipou0");
    assert.equal(runs.take(authPacket(SIGNING, HOME, now + 7_200), now + 7_200), "ipipou0");
  }
});

Deno.test("handle() keeps a client out whose clock went back, until it has caught up", () => {
  const runs = new Runs();
  runs.take(authPacket(SIGNING, HOME));
  assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX - 3_600), UNIX + 1), OLD);
  assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX + 2), UNIX + 2), "ipipou0");
});

Deno.test("handle() lets a client with the right time in though the server's clock was wrong when it was killed", () => {
  for (const first of [100, UNIX - 86_400, UNIX + 86_400]) {
    for (const isToldOfStep of [false, true]) {
      // Of a clock that was set nothing tells that it was wrong.
      if (!isToldOfStep && first !== 100) continue;
      const replays = Replays.parse(null, first);
      assert.ok(takeBare(replays, UNIX + 10, first + 10));
      if (isToldOfStep) replays.handleStep(UNIX - first);
      const next = Replays.parse(replays.format(false), UNIX + 3_600);
      assert.ok(!takeBare(next, UNIX + 3_599, UNIX + 3_601), "sent before the kill, perhaps");
      for (const later of [3_610, 3_635, 90_000, 90_000_000]) {
        assert.ok(takeBare(next, UNIX + later, UNIX + later), `${first}, ${later}`);
      }
    }
  }
});

Deno.test("Replays never finds a packet good twice, nor one that was too far ahead, however both clocks are set", () => {
  const offsets = fc.constantFrom(-1_700_000_000, -300, 0, 5, 30, 100, 3_600, 100_000);
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("send"), by: fc.integer({ min: 1, max: 60 }) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("repeat"), by: fc.nat(1_000) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("client's clock"), by: offsets }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("server's clock"), by: offsets }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom("restart", "kill", "pass"), by: fc.nat(4_000) }),
    },
  );
  const modes = fc.record({
    replay: fc.constantFrom("strict", "window"),
    maxTimeDiscrepancy: fc.constantFrom(0, 20, 600),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), modes, (steps, mode) => {
      const peer = samplePeer({ scheme: VERIFYING, ...mode });
      let replays = noReplays();
      const sent: Uint8Array[] = [];
      let [now, client, server, saved] = [UNIX, 0, 0, ""];
      const send = () => {
        const payload = layOut(now + client, nextSalt(4));
        const refusal = replays.judge("key", payload, peer, now + server);
        if (refusal === null) replays.note("key", payload, peer, now + server);
        if (refusal === null || refusal === "time too far from ours") sent.push(payload);
        return refusal;
      };
      // A key that is new is written down at once.
      send();
      saved = replays.format(false);
      for (const { kind, by } of steps) {
        if (kind === "repeat") {
          const payload = sent[by % Math.max(1, sent.length)];
          if (payload !== undefined) assert.notEqual(replays.judge("key", payload, peer, now + server), null);
          continue;
        }
        now += kind === "send" || kind === "pass" ? by : 1;
        if (kind === "send" && send() !== null) saved = replays.format(false);
        if (kind === "client's clock") client = by;
        if (kind === "server's clock") {
          replays.handleStep(by - server);
          server = by;
        }
        // What a killed run did not write is what a clock sent that went on.
        if (kind.endsWith("clock")) {
          send();
          saved = replays.format(false);
        }
        if (kind === "restart") replays = Replays.parse(replays.format(true), now + server);
        if (kind === "kill") replays = Replays.parse(saved, now + server);
        if (kind === "restart" || kind === "kill") saved = replays.format(false);
      }
    }),
    { numRuns: 1_000 },
  );
});
