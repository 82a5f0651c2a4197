import assert from "node:assert/strict";
import { hintIn } from "../../../lib/auth/hint.ts";
import { keyPairOf } from "../../../lib/auth/key_pair.ts";
import { makeAuthPayload, makeGoodbyePayload } from "../../../lib/auth/scheme.ts";
import { HINT } from "../../../lib/kernel/hint_rules.ts";
import { Hints } from "../../../lib/kernel/hints.ts";
import { buildUdpPacket } from "../../../lib/packet.ts";
import { ed25519 } from "../auth/vectors.ts";
import { VirtualClock } from "../fake/clock.ts";
import { IpPacket } from "../fake/ip_packet.ts";
import { samplePeer } from "../samples.ts";

const PAIRS = [1, 2, 3].map((byte) => keyPairOf(new Uint8Array(32).fill(byte)));
const PEERS = PAIRS.map(({ publicKey }, index) =>
  samplePeer({ name: `p${index}`, scheme: ed25519({ remotePublicKey: publicKey, secret: "s" }) })
);
const EPOCH_MILLISECONDS = 256_000;
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

/** What the gate reads of a client's auth packet or good-bye, as an element of its set. */
function read(client: number, time: number, make: typeof makeGoodbyePayload = makeAuthPayload): string {
  const payload = make(ed25519({ privateKey: PAIRS[client]!.privateKey, secret: "s" }), time, random)!;
  const ends = { source: { ip: "198.51.100.2", port: 1 }, destination: { ip: "192.0.2.1", port: 2 } };
  const packet = IpPacket.copy(buildUdpPacket({ ...ends, payload }, 64))!;
  const key = HINT.split(" . ").map((field) => {
    const [, offset, length] = field.split(",");
    return packet.bits(Number(offset), Number(length));
  });
  assert.equal(key[1], hintIn(payload));
  return key.join(" . ");
}

Deno.test("Hints.of() has what the gate reads of each client's packets at any time, by a clock that is two minutes off", () => {
  const clock = new VirtualClock();
  const hints = new Hints(clock);
  for (let step = 0; step < 40; step++) {
    const keys = hints.of(PEERS);
    for (const off of [-127, 0, 127]) {
      for (const client of PAIRS.keys()) {
        for (const make of [makeAuthPayload, makeGoodbyePayload]) {
          assert.ok(keys.has(read(client, clock.unixTime() + off, make)), `${step}: ${off}`);
        }
      }
    }
    assert.ok(keys.size <= 2 * PAIRS.length);
    clock.jump(23);
  }
});

Deno.test("Hints.of() has no hint of another epoch, key or secret", () => {
  const clock = new VirtualClock();
  const [first, ...others] = PEERS;
  const keys = new Hints(clock).of([first!]);
  assert.equal(keys.size, 2);
  const count = (found: readonly string[]) => found.filter((key) => keys.has(key)).length;
  assert.equal(count([-600, 600].map((off) => read(0, clock.unixTime() + off))), 0);
  // One in 32,768 has the same hint by chance: not these.
  assert.equal(count(others.map((_, index) => read(index + 1, clock.unixTime()))), 0);
  const secret = { ...first!, scheme: { ...first!.scheme, secret: "t" } } as typeof PEERS[0];
  assert.equal(new Hints(clock).of([secret!]).intersection(keys).size, 0);
});

Deno.test("Hints are due once an epoch, or earlier when the clock is set; computed no more often", async () => {
  const clock = new VirtualClock();
  const hints = new Hints(clock);
  let keys = hints.of(PEERS);
  for (let count = 0; count < 5; count++) {
    assert.equal(hints.of(PEERS), keys);
    assert.equal(hints.check(clock.now(), clock.unixTime()), false);
    const due = hints.due!;
    assert.ok(due > clock.now() && due <= clock.now() + EPOCH_MILLISECONDS);
    await clock.advance(due - clock.now());
    assert.equal(hints.check(clock.now(), clock.unixTime()), true);
    const next = hints.of(PEERS);
    assert.equal(next.intersection(keys).size, keys.size / 2);
    keys = next;
  }
  clock.jump(-100_000);
  assert.equal(hints.check(clock.now(), clock.unixTime()), true);
  assert.equal(hints.of(PEERS).intersection(keys).size, 0);
  assert.equal(hints.check(clock.now(), clock.unixTime()), false);
});

Deno.test("Hints are due again, and later, when the clock was set back by less than an epoch", async () => {
  const clock = new VirtualClock();
  const hints = new Hints(clock);
  const keys = hints.of(PEERS);
  clock.jump(-13);
  await clock.advance(hints.due! - clock.now());
  assert.equal(hints.check(clock.now(), clock.unixTime()), false);
  const left = hints.due! - clock.now();
  assert.ok(left > 0 && left <= 13_000, `${left}`);
  await clock.advance(left);
  assert.equal(hints.check(clock.now(), clock.unixTime()), true);
  assert.equal(hints.of(PEERS).intersection(keys).size, keys.size / 2);
});

Deno.test("Hints work by a clock that was never set, and are never due without keys", () => {
  const clock = new VirtualClock(5);
  const hints = new Hints(clock);
  assert.deepEqual(hints.of([samplePeer({ scheme: { kind: "port" } })]), new Set());
  assert.deepEqual([hints.due, hints.check(clock.now(), clock.unixTime())], [null, false]);
  assert.deepEqual([...hints.of(PEERS)].map((key) => key.split(" ")[0]), ["0", "0", "0"]);
});
