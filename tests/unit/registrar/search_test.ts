import assert from "node:assert/strict";
import { drain, Fleet, place, told, verifications } from "./fleet.ts";
import { NOW, UNIX } from "./small_registrar.ts";

const MANY = 1000;
const AT_ONCE = 8;
const PER_TURN = 16;
const MOST_SEARCHES = 1024;
const NO_FLOOD = 64;

const fleet = new Fleet(MANY);

Deno.test("handle() verifies few signatures for junk, and search() a limited number per turn until all keys are tried", () => {
  const registrar = fleet.registrar();
  const first = verifications(registrar, () => {
    assert.equal(told(registrar.handle(fleet.junk(place(1)), NOW, UNIX)), "searching");
  });
  assert.equal(first, AT_ONCE);
  let total = first;
  const results: string[] = [];
  while (registrar.isSearching) {
    const count = verifications(registrar, () => results.push(...registrar.search(NOW).map(told)));
    assert.ok(count <= PER_TURN);
    total += count;
  }
  assert.deepEqual([total, results, registrar.admissions.size], [MANY, ["wrong signature"], 0]);
});

Deno.test("handle() verifies no more signatures for junk in a flood than for hints that it has by chance, and finds who hints", () => {
  const registrar = fleet.registrar();
  const { payload, ...junk } = fleet.junk(place(0));
  let waiting = 0;
  const count = verifications(registrar, () => {
    for (let number = 0; number < 100_000; number++) {
      const salted = payload.slice();
      new DataView(salted.buffer).setUint32(salted.length - 4, Math.imul(number, 0x9e37_79b1) >>> 0);
      const outcome = registrar.handle({ ...junk, payload: salted, source: place(number) }, NOW, UNIX);
      if (told(outcome) === "searching") waiting++;
    }
  });
  // Some at once until it is taken for a flood; of the rest one in 65 has the hint of one of a thousand keys.
  assert.ok(count <= NO_FLOOD * AT_ONCE + 100_000 / 40, `${count}`);
  assert.deepEqual([waiting, registrar.ended()], [MOST_SEARCHES, []]);
  for (const client of [0, 500, 999]) {
    const packet = fleet.packet(client, { ip: "203.0.113.9", port: 1_000 + client });
    const needed = verifications(registrar, () => {
      assert.equal(told(registrar.handle(packet, NOW, UNIX)), `c${client}`);
    });
    assert.ok(needed <= 3, `${needed}`);
  }
});

Deno.test("handle() has a client without a hint searched for in a flood, and finds it at once after that", () => {
  const few = new Fleet(20);
  const registrar = few.registrar();
  const old = (port: number) => few.packet(3, { ...place(3), port }, { isOld: true });
  registrar.handle(few.packet(3, place(3)), NOW, UNIX);
  for (let number = 0; number < 2 * NO_FLOOD; number++) {
    registrar.handle(few.junk(place(MANY + number)), NOW, UNIX);
  }
  assert.equal(told(registrar.handle(old(50_000), NOW, UNIX)), "searching");
  assert.ok(drain(registrar).includes("c3"));
  assert.equal(told(registrar.handle(old(50_001), NOW + 1_000, UNIX)), "c3");
});

Deno.test("handle() refuses junk right away in a flood where a search for the few keys would cost more", () => {
  const few = new Fleet(AT_ONCE);
  const registrar = few.registrar();
  for (let number = 0; number < 2 * NO_FLOOD; number++) {
    assert.equal(told(registrar.handle(few.junk(place(number)), NOW, UNIX)), "wrong signature");
  }
  assert.equal(registrar.isSearching, false);
});

Deno.test("handle() tries the keys of a few clients right away", () => {
  const few = new Fleet(AT_ONCE);
  const registrar = few.registrar();
  assert.equal(told(registrar.handle(few.junk(place(1)), NOW, UNIX)), "wrong signature");
  for (let client = 0; client < AT_ONCE; client++) {
    assert.equal(
      told(registrar.handle(few.packet(client, place(client), { isOld: true }), NOW, UNIX)),
      `c${client}`,
    );
  }
  assert.equal(registrar.isSearching, false);
});

Deno.test("search() soon finds one of the few missing clients, even behind an address that all others share", () => {
  const home = (client: number) => ({ ip: "198.51.100.1", port: 10_000 + client });
  const registrar = fleet.registrar();
  for (let client = 0; client < MANY; client++) {
    if (client !== 300 && client !== 600) registrar.handle(fleet.packet(client, home(client)), NOW, UNIX);
  }
  const count = verifications(registrar, () => {
    for (const client of [300, 600]) {
      const packet = fleet.packet(client, home(client), { isOld: true });
      assert.equal(told(registrar.handle(packet, NOW, UNIX)), `c${client}`);
    }
  });
  assert.ok(count <= 6, `${count}`);
});

Deno.test("search() alternates between keys seen at the address and keys of peers that are not admitted", () => {
  const registrar = fleet.fullRegistrar();
  const moved = { ...place(700), port: 1 };
  const near = verifications(registrar, () => {
    assert.equal(told(registrar.handle(fleet.packet(700, moved, { isOld: true }), NOW, UNIX)), "c700");
  });
  assert.equal(near, 1);
  const some = [5, 6, 7].map((client) => ({ ...fleet.settings.peers[client]!, lifetime: 1 }));
  const peers = fleet.settings.peers.map((peer, index) => some[index - 5] ?? peer);
  const next = registrar.withSettings({ ...fleet.settings, peers }, new Map(), NOW);
  const later = NOW + 2000;
  const absent = verifications(next, () => {
    assert.equal(told(next.handle(fleet.packet(6, place(5000), { isOld: true }), later, UNIX)), "c6");
  });
  assert.ok(absent <= 3, `${absent}`);
});

Deno.test("search() continues one search for each place, which later packets do not restart", () => {
  const registrar = fleet.registrar();
  const send = () => told(registrar.handle(fleet.junk(place(1)), NOW, UNIX));
  assert.equal(send(), "searching");
  for (let turn = 0; turn < 61; turn++) {
    assert.deepEqual(registrar.search(NOW), []);
    assert.ok(verifications(registrar, send) <= AT_ONCE);
  }
  assert.deepEqual([registrar.search(NOW).map(told), registrar.isSearching], [["wrong signature"], false]);
});

Deno.test("handle() finds a known client at once during a search for junk from its place", () => {
  const registrar = fleet.registrar();
  registrar.handle(fleet.junk(place(1)), NOW, UNIX);
  assert.equal(told(registrar.handle(fleet.packet(9, place(1)), NOW, UNIX)), "c9");
  assert.deepEqual(drain(registrar), ["overtaken by a later one"]);
  assert.deepEqual(registrar.admissions.get("c9")?.remote, place(1));
});

Deno.test("search() keeps a limited number of packets waiting, and drops those that had a turn in favour of new ones", () => {
  const registrar = fleet.registrar();
  const send = (number: number) => told(registrar.handle(fleet.junk(place(number)), NOW, UNIX));
  for (let number = 0; number < MOST_SEARCHES; number++) assert.equal(send(number), "searching");
  assert.equal(send(MOST_SEARCHES), "too many unknown senders", "none had a turn");
  assert.deepEqual(registrar.search(NOW), []);
  assert.equal(send(MOST_SEARCHES), "searching");
  assert.equal(send(MOST_SEARCHES + 1), "too many unknown senders");
  assert.deepEqual(registrar.search(NOW).map(told), ["too many unknown senders"], "the one that made way");
});

Deno.test("search() runs new searches first", () => {
  const registrar = fleet.registrar();
  for (let number = 0; number < 20; number++) registrar.handle(fleet.junk(place(number)), NOW, UNIX);
  for (let turn = 0; turn < 20; turn++) assert.deepEqual(registrar.search(NOW), []);
  // Keys are tried in the order of peers, so a search tries this key in its first turn.
  assert.equal(told(registrar.handle(fleet.packet(20, place(77), { isOld: true }), NOW, UNIX)), "searching");
  assert.deepEqual(registrar.search(NOW).map(told), ["c20"]);
});

Deno.test("search() does not move a peer back to a place that it has left since", () => {
  const registrar = fleet.registrar();
  assert.equal(told(registrar.handle(fleet.packet(600, place(1), { isOld: true }), NOW, UNIX)), "searching");
  assert.equal(told(registrar.handle(fleet.packet(600, place(2)), NOW, UNIX)), "c600");
  assert.deepEqual(drain(registrar), ["overtaken by a later one"]);
  assert.deepEqual(registrar.admissions.get("c600")?.remote, place(2));
});

Deno.test("search() does not give a peer a place that another peer has taken since", () => {
  const registrar = fleet.registrar();
  assert.equal(told(registrar.handle(fleet.packet(600, place(1), { isOld: true }), NOW, UNIX)), "searching");
  assert.equal(told(registrar.handle(fleet.packet(5, place(1)), NOW, UNIX)), "c5");
  assert.deepEqual(drain(registrar), ["overtaken by a later one"]);
  assert.deepEqual([...registrar.admissions.keys()], ["c5"]);
});

Deno.test("search() compares signed times with the time of arrival", () => {
  const strict = new Fleet(100, { maxTimeDiscrepancy: 5 });
  for (const [clock, expected] of [[UNIX + 5, "c80"], [UNIX + 6, "time too far from ours"]] as const) {
    const registrar = strict.registrar();
    registrar.handle(strict.packet(80, place(1), { isOld: true, clock }), NOW, UNIX);
    assert.deepEqual(drain(registrar, NOW + 60_000), [expected]);
  }
});

Deno.test("withSettings() and resume() continue the searches, and each packet counts once", () => {
  const registrar = fleet.registrar();
  assert.equal(told(registrar.handle(fleet.packet(600, place(1), { isOld: true }), NOW, UNIX)), "searching");
  const next = registrar.withSettings(fleet.settings, new Map(), NOW);
  assert.equal(told(next.handle(fleet.packet(700, place(2), { isOld: true }), NOW, UNIX)), "searching");
  registrar.resume(next, NOW);
  assert.deepEqual(drain(registrar).sort(), ["c600", "c700"]);
  assert.deepEqual(drain(next).sort(), ["repeated", "repeated"]);
});

Deno.test("withSettings() drops searches at a port that is no longer ours", () => {
  const registrar = fleet.registrar();
  registrar.handle(fleet.packet(600, place(1), { isOld: true }), NOW, UNIX);
  const local = { ...fleet.settings.local, ports: [10_001] as const };
  assert.equal(registrar.withSettings({ ...fleet.settings, local }, new Map(), NOW).isSearching, false);
});

Deno.test("resume() keeps a peer that the discarded registrar found by an older packet", () => {
  const registrar = fleet.registrar();
  assert.equal(told(registrar.handle(fleet.packet(600, place(1), { isOld: true }), NOW, UNIX)), "searching");
  const next = registrar.withSettings(fleet.settings, new Map(), NOW);
  assert.deepEqual(drain(next), ["c600"]);
  registrar.resume(next, NOW);
  assert.deepEqual(registrar.admissions.get("c600")?.remote, place(1));
});
