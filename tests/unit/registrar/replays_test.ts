import assert from "node:assert/strict";
import fc from "fast-check";
import { Replays } from "../../../lib/registrar/replays.ts";
import type { Datagram } from "../../../lib/packet.ts";
import { samplePeer } from "../samples.ts";
import { OLD, Runs } from "./replays_scene.ts";
import { authPacket, ELSEWHERE, HOME, noReplays, SIGNING, UNIX, VERIFYING } from "./small_registrar.ts";

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
