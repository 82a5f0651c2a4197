import assert from "node:assert/strict";
import fc from "fast-check";
import type { Endpoint } from "../../../lib/packet.ts";
import { BID_MILLISECONDS } from "../../../lib/registrar/roll.ts";
import { Fleet, place, told } from "./fleet.ts";
import {
  at,
  authPacket,
  ELSEWHERE,
  HOME,
  newRegistrar,
  NOW,
  settings,
  token,
  UNIX,
} from "./small_registrar.ts";

const PEERS = ["a", "b", "c"].map((name) => ({ name, scheme: token(name.repeat(3)) }));
const THIRD = { ip: "203.0.113.10", port: 40_003 };
const REFUSAL = "another peer is there";

/** A registrar, and what it says of an auth packet of a peer from a place. */
function start(peers: readonly Parameters<typeof newRegistrar>[0][number][] = PEERS) {
  const registrar = newRegistrar([...peers]);
  const send = (name: string, from: Endpoint, now = NOW) =>
    told(registrar.handle(authPacket(token(name.repeat(3)), from), now, UNIX));
  return { registrar, send };
}

Deno.test("handle() leaves a peer that authenticates at its place there, whoever else claims to be there, however often", () => {
  const { registrar, send } = start();
  send("a", HOME);
  send("b", ELSEWHERE);
  for (let second = 0; second < 3600; second++) {
    const now = NOW + second * 1000;
    assert.equal(send("b", HOME, now), REFUSAL);
    if (second % 25 === 24) assert.equal(send("a", HOME, now), "a");
    assert.deepEqual(registrar.settle(now), []);
    assert.deepEqual(registrar.admissions.get("a"), at(HOME));
    assert.deepEqual(registrar.admissions.get("b"), at(ELSEWHERE));
  }
});

Deno.test("handle() follows peers that swap places, in any order and number, with the last of their packets", () => {
  fc.assert(fc.property(
    fc.integer({ min: 2, max: 8 }).chain((size) =>
      fc.tuple(
        fc.shuffledSubarray([...Array(size).keys()], { minLength: size }),
        fc.shuffledSubarray([...Array(size).keys()], { minLength: size }),
      )
    ),
    ([places, order]) => {
      const names = places.map((_, index) => `p${index}`);
      const { registrar, send } = start(names.map((name) => ({ name, scheme: token(name.repeat(3)) })));
      names.forEach((name, index) => send(name, place(index)));
      for (const index of order) send(names[index]!, place(places[index]!));
      assert.deepEqual(
        Object.fromEntries(registrar.admissions),
        Object.fromEntries(names.map((name, index) => [name, at(place(places[index]!))])),
      );
      assert.equal(registrar.due, null);
    },
  ));
});

Deno.test("handle() gives a place to who waits for it once its peer proves to be elsewhere, even if that has to wait itself", () => {
  const { registrar, send } = start();
  send("a", HOME);
  send("c", THIRD);
  assert.equal(send("b", HOME), REFUSAL);
  assert.equal(send("a", THIRD, NOW + 5), REFUSAL);
  const [outcome, ...more] = registrar.ended();
  assert.deepEqual([outcome?.kind === "admitted" && outcome.displaced, more], ["a", []]);
  assert.deepEqual(Object.fromEntries(registrar.admissions), {
    a: at(null, NOW + 5),
    b: at(HOME),
    c: at(THIRD),
  });
  assert.equal(send("a", ELSEWHERE, NOW + 9), "a");
  assert.equal(registrar.due, null);
});

Deno.test("settle() gives a place to who waits for it after a minute, or when the lifetime of its peer ends", () => {
  for (const lifetime of [0, 20]) {
    const [a, b] = PEERS;
    const { registrar, send } = start([{ ...a, lifetime }, b!]);
    send("a", HOME);
    assert.equal(send("b", HOME, NOW + 1000), REFUSAL);
    assert.equal(send("b", HOME, NOW + 9000), REFUSAL, "again");
    const due = lifetime === 0 ? NOW + 1000 + BID_MILLISECONDS : NOW + 20_000;
    assert.equal(registrar.due, due);
    assert.deepEqual(registrar.settle(due - 1), []);
    assert.deepEqual(registrar.settle(due).map(told), ["b"]);
    assert.deepEqual(registrar.admissions.get("b"), at(HOME));
    assert.equal(registrar.admissions.get("a")!.remote, null);
    assert.equal(registrar.due, null);
  }
});

Deno.test("settle() forgets who waits for longer than its own lifetime, and who authenticated at its old place again", () => {
  const [a, b, c] = PEERS;
  const { registrar, send } = start([a!, { ...b, lifetime: 10 }, c!]);
  send("a", HOME);
  send("b", HOME);
  assert.deepEqual(registrar.settle(NOW + 10_000), []);
  assert.equal(registrar.due, null);
  send("c", THIRD);
  assert.equal(send("c", HOME), REFUSAL);
  assert.equal(send("c", THIRD), "c");
  assert.equal(registrar.due, null);
});

Deno.test("handle() takes a packet for older than the last one of its peer also if that one waits", () => {
  const fleet = new Fleet(2);
  const registrar = fleet.registrar();
  registrar.handle(fleet.packet(0, place(0)), NOW, UNIX);
  registrar.handle(fleet.packet(1, place(1)), NOW, UNIX);
  const waiting = fleet.packet(1, place(0));
  assert.equal(told(registrar.handle(waiting, NOW, UNIX)), REFUSAL);
  assert.equal(told(registrar.handle(waiting, NOW, UNIX)), "repeated");
});

Deno.test("withSettings() and resume() go on with who waits", () => {
  for (const isBack of [false, true]) {
    const { registrar, send } = start();
    send("a", HOME);
    send("b", ELSEWHERE);
    send("b", HOME, NOW + 1);
    const changed = settings(PEERS.map((peer) => ({ ...peer, reply: true })));
    const next = registrar.withSettings(changed, new Map(), NOW + 2);
    if (isBack) registrar.resume(next, NOW + 3);
    const [outcome] = (isBack ? registrar : next).settle(NOW + 1 + BID_MILLISECONDS);
    assert.ok(outcome?.kind === "admitted");
    assert.deepEqual(outcome.admission, at(HOME));
    assert.equal(outcome.peer.reply, !isBack);
  }
  const { registrar, send } = start();
  send("a", HOME);
  send("b", HOME);
  const next = registrar.withSettings(settings(PEERS.slice(1)), new Map(), NOW);
  assert.ok(next.due! <= NOW, "its peer is gone");
  assert.deepEqual(next.settle(NOW).map(told), ["b"]);
});
