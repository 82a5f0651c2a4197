import assert from "node:assert/strict";
import fc from "fast-check";
import { Registrar } from "../../../lib/registrar.ts";
import { Replays } from "../../../lib/registrar/replays.ts";
import { layOut } from "../../../lib/auth/ed25519.ts";
import type { Datagram } from "../../../lib/packet.ts";
import type { Peer, Settings } from "../../../lib/settings/settings.ts";
import { samplePeer } from "../samples.ts";
import {
  authPacket,
  ELSEWHERE,
  HOME,
  nextSalt,
  noReplays,
  NOW,
  settings,
  SIGNING,
  told,
  UNIX,
  VERIFYING,
} from "./small_registrar.ts";

/** A server that runs, ends and is killed. */
class Runs {
  readonly #settings: Settings;
  readonly #addresses: ReadonlyMap<string, string>;
  #replays: Replays;
  #registrar: Registrar;

  constructor(
    peers: Partial<Peer>[] = [{ scheme: VERIFYING }],
    addresses: Record<string, string> = {},
    replays = noReplays(),
  ) {
    this.#settings = settings(peers);
    this.#addresses = new Map(Object.entries(addresses));
    this.#replays = replays;
    this.#registrar = this.#newRegistrar();
  }

  /** What an auth packet leads to. @param time Unix seconds by the server's clock */
  take(packet: Datagram, time = UNIX, source = packet.source) {
    const outcome = told(this.#registrar.handle({ ...packet, source }, NOW, time));
    return Array.isArray(outcome) ? outcome[0] : outcome;
  }

  /** What would be on disk now. */
  save(isWhole: boolean): string {
    return this.#replays.format(isWhole);
  }

  /** @param text what is on disk at the start */
  start(text: string | null, time = UNIX): void {
    this.#replays = Replays.parse(text, time);
    this.#registrar = this.#newRegistrar();
  }

  #newRegistrar(): Registrar {
    return new Registrar(this.#settings, this.#addresses, this.#replays);
  }
}

const PEER = samplePeer({ scheme: VERIFYING });

/** Uses a payload of this time, Unix seconds by the client's clock, as if it were signed. @returns whether it is good */
function takeBare(replays: Replays, time: number, now: number): boolean {
  const payload = layOut(time, nextSalt(4));
  if (replays.judge("key", payload, PEER, now) !== null) return false;
  replays.note("key", payload, PEER, now);
  assert.notEqual(replays.judge("key", payload, PEER, now + 1), null, "it is good once");
  return true;
}

const OLD = "older than one accepted before";

Deno.test("handle() accepts a signed auth packet once, from wherever it comes", () => {
  const runs = new Runs();
  const packet = authPacket(SIGNING, HOME);
  assert.equal(runs.take(packet), "ipipou0");
  for (const source of [HOME, ELSEWHERE]) assert.equal(runs.take(packet, UNIX, source), "repeated");
});

Deno.test("handle() refuses a signed auth packet that is older than one accepted before", () => {
  const runs = new Runs();
  const early = authPacket(SIGNING, HOME, UNIX);
  assert.equal(runs.take(authPacket(SIGNING, ELSEWHERE, UNIX + 1)), "ipipou0");
  assert.equal(runs.take(early), OLD);
  assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX + 1)), "ipipou0", "of the same second");
});

Deno.test("handle() accepts no end of packets of one second, and none of them twice", () => {
  const runs = new Runs();
  const packets = Array.from({ length: 200 }, () => authPacket(SIGNING, HOME));
  const accepted = packets.filter((packet) => runs.take(packet) === "ipipou0");
  assert.ok(accepted.length >= 64);
  const [[, { packets: kept }]] = JSON.parse(runs.save(true)).keys;
  assert.ok(kept.length <= 64, `${kept.length}`);
  for (const packet of packets) assert.notEqual(runs.take(packet), "ipipou0");
  assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX + 1), UNIX + 1), "ipipou0");
});

Deno.test("handle() refuses packets that prove nothing here without taking them as used", () => {
  const runs = new Runs([{ scheme: VERIFYING, moveInterval: 10, byRemote: { ip: true, port: false } }], {
    ipipou0: HOME.ip,
  });
  const packet = authPacket(SIGNING, HOME);
  assert.equal(runs.take(packet, UNIX, ELSEWHERE), "wrong remote address");
  assert.equal(runs.take(packet), "ipipou0");
  const next = authPacket(SIGNING, HOME);
  assert.equal(runs.take(next, UNIX, { ...HOME, port: 1 }), "moved too recently");
  assert.equal(runs.take(next), "ipipou0");
});

Deno.test("handle() accepts packets in any order within a minute, each once, where that is set", () => {
  const runs = new Runs([{ scheme: VERIFYING, replay: "window" }]);
  const times = [0, -1, 7, -50, 3, -52];
  const packets = times.map((time) => authPacket(SIGNING, HOME, UNIX + time));
  for (const packet of packets) assert.equal(runs.take(packet), "ipipou0");
  for (const packet of packets) assert.equal(runs.take(packet), "repeated");
  assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX - 60)), OLD);
});

Deno.test("handle() accepts repeated packets where that is set", () => {
  const runs = new Runs([{ scheme: VERIFYING, replay: "off" }]);
  const packet = authPacket(SIGNING, HOME, UNIX - 100_000);
  for (let count = 0; count < 3; count++) assert.equal(runs.take(packet), "ipipou0");
});

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

Deno.test("Replays forgets the keys that were not used for longest, beyond 16,384", () => {
  const replays = noReplays();
  const peer = samplePeer({ scheme: VERIFYING });
  const { payload } = authPacket(SIGNING, HOME);
  const key = (number: number) => `key ${number}`;
  for (let number = 0; number <= 16_384; number++) replays.note(key(number), payload, peer, UNIX);
  assert.equal(replays.size, 16_384);
  assert.equal(replays.judge(key(0), payload, peer, UNIX), null);
  assert.equal(replays.judge(key(1), payload, peer, UNIX), "repeated");
});

Deno.test("handle() keeps a client out whose clock went back, until it has caught up", () => {
  const runs = new Runs();
  runs.take(authPacket(SIGNING, HOME));
  assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX - 3_600), UNIX + 1), OLD);
  assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX + 2), UNIX + 2), "ipipou0");
});

Deno.test("handle() refuses what was accepted before a restart or a kill, saved or not", () => {
  for (const isWhole of [true, false]) {
    for (const clock of [-1_700_000_000, -300, 0, 5, 3_600]) {
      const runs = new Runs();
      const used = [0, 1, 2, 3].map((time) => authPacket(SIGNING, HOME, UNIX + time + clock));
      const texts = used.map((packet, time) => {
        assert.equal(runs.take(packet, UNIX + time), "ipipou0");
        return runs.save(isWhole);
      });
      runs.start(isWhole ? texts.at(-1)! : texts[0]!, UNIX + 4);
      for (const packet of used) {
        for (const time of [4, 100]) {
          assert.notEqual(runs.take(packet, UNIX + time, ELSEWHERE), "ipipou0", `${clock}`);
        }
      }
      const next = authPacket(SIGNING, HOME, UNIX + 6 + clock);
      assert.equal(runs.take(next, UNIX + 6), "ipipou0", `${isWhole} ${clock}`);
    }
  }
});

Deno.test("handle() refuses packets from before a start that knows nothing, where times are checked", () => {
  for (
    const text of [
      null,
      "",
      "{}",
      '{"isWhole":true,"keys":[["a",{}]]}',
      '{"isWhole":true,"keys":[["a",null]]}',
    ]
  ) {
    const runs = new Runs([{ scheme: VERIFYING, maxTimeDiscrepancy: 600 }]);
    runs.start(text, UNIX);
    assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX - 1), UNIX + 1), OLD, text ?? "");
    assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX + 1), UNIX + 1), "ipipou0");
    const unchecked = new Runs();
    unchecked.start(text, UNIX);
    assert.equal(unchecked.take(authPacket(SIGNING, HOME, 5), UNIX), "ipipou0");
  }
});

Deno.test("handle() refuses what a killed run accepted of a client that is a little ahead, in any order", () => {
  const runs = new Runs([{ scheme: VERIFYING, replay: "window" }]);
  assert.equal(runs.take(authPacket(SIGNING, HOME, UNIX + 30), UNIX), "ipipou0");
  const saved = runs.save(false);
  const unsaved = authPacket(SIGNING, HOME, UNIX + 31);
  assert.equal(runs.take(unsaved, UNIX + 1), "ipipou0");
  runs.start(saved, UNIX + 2);
  assert.notEqual(runs.take(unsaved, UNIX + 3, ELSEWHERE), "ipipou0");
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

Deno.test("handle() never accepts a packet twice, and every new one of a client whose clock goes on", () => {
  const steps = fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant("send"), after: fc.nat(3) }) },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant("repeat"), after: fc.nat(300) }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constantFrom("save", "restart", "kill"), after: fc.nat(3) }),
      },
    ),
    { maxLength: 60 },
  );
  const clocks = fc.constantFrom(-1_700_000_000, -40, 0, 4, 100_000);
  fc.assert(
    fc.property(steps, clocks, fc.constantFrom("strict", "window"), (steps, clock, replay) => {
      const runs = new Runs([{ scheme: VERIFYING, replay }]);
      const used: Datagram[] = [];
      let time = UNIX;
      const send = () => {
        const packet = authPacket(SIGNING, HOME, time + clock);
        assert.equal(runs.take(packet, time), "ipipou0");
        used.push(packet);
      };
      // A key that is new is written down at once.
      send();
      let saved = runs.save(false);
      for (const { kind, after } of steps) {
        if (kind === "repeat") {
          const packet = used[after % Math.max(1, used.length)];
          if (packet !== undefined) assert.notEqual(runs.take(packet, time, ELSEWHERE), "ipipou0");
          continue;
        }
        time += after;
        if (kind === "save") saved = runs.save(false);
        else if (kind === "restart") runs.start(runs.save(true), time);
        else if (kind === "kill") {
          time += 1;
          runs.start(saved, time);
        } else {
          time += 1;
          send();
        }
      }
    }),
    { numRuns: 200 },
  );
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

Deno.test("Replays.parse() takes a record with numbers that no run writes for lost", () => {
  const uses = { floor: 1, newest: 2, latest: -1, ahead: [], offset: 0, packets: [] };
  const past = (fields: string) =>
    Replays.parse(
      `{"isWhole":true,"keys":[["k",${JSON.stringify(uses).replace(/}$/, `,${fields}}`)}]]}`,
      UNIX,
    ).past;
  assert.equal(past('"offset":-5'), "whole");
  for (
    const wrong of [
      ...[
        '"floor":1e999',
        '"floor":0.5',
        '"newest":1e300',
        '"offset":"1"',
        '"latest":null',
        '"ahead":null',
        '"ahead":[[1,1e999,null]]',
        '"ahead":[[null,2,null]]',
        '"ahead":[[3,2,null]]',
        '"ahead":[[1,2,3]]',
        '"ahead":[[1,2]]',
      ],
      ...[
        '"ahead":{}',
        '"packets":[["a",1e999]]',
        '"packets":[["a",0.5]]',
        '"packets":[["a",null]]',
        '"packets":[[1,1]]',
      ],
    ]
  ) assert.equal(past(wrong), "lost", wrong);
});

Deno.test("Replays.parse() keeps no more than a run would, however much a record holds", () => {
  const packets = Array.from({ length: 200_000 }, (_, index) => [`p${index}`, index]);
  const keys = Array.from({ length: 20_000 }, (_, index) => [
    `k${index}`,
    {
      ...{ floor: -1, newest: 5, latest: -1, offset: 0, more: "x" },
      ahead: index === 19_999
        ? packets.slice(0, 2_000).map((
          [id, time],
        ) => [300_000 + 2 * Number(time), 300_000 + 2 * Number(time), id])
        : [],
      packets: index === 19_999 ? packets : [],
    },
  ]);
  for (const isWhole of [true, false]) {
    const replays = Replays.parse(JSON.stringify({ isWhole, keys }), 100);
    assert.equal(replays.size, 16_384);
    const kept = JSON.parse(replays.format(true)).keys;
    const [key, last] = kept.at(-1);
    assert.equal(key, "k19999");
    assert.deepEqual(Object.keys(last).sort(), ["ahead", "floor", "latest", "newest", "offset", "packets"]);
    assert.ok(last.ahead.length <= 256 && last.ahead[0][0] === 300_000 && last.ahead.at(-1)[1] === 303_998);
    assert.ok(last.packets.length <= 64);
    assert.ok(last.floor >= 199_900, "what it forgot counts as used");
  }
});

Deno.test("Replays.parse() reads what a killed run left of a client with the last time there is", () => {
  const runs = new Runs();
  assert.equal(runs.take(authPacket(SIGNING, HOME, 2 ** 40 - 1)), "ipipou0");
  for (const later of [100, 200]) {
    const text = runs.save(false);
    assert.equal(Replays.parse(text, UNIX + later).past, "cut short");
    runs.start(text, UNIX + later);
  }
  assert.equal(runs.take(authPacket(SIGNING, HOME, 2 ** 40 - 1), UNIX + 300), OLD);
});
