import assert from "node:assert/strict";
import type { Endpoint } from "../../../lib/packet.ts";
import { BID_MILLISECONDS } from "../../../lib/registrar/roll.ts";
import type { Registrar } from "../../../lib/registrar.ts";
import type { Scheme } from "../../../lib/auth/scheme.ts";
import { samplePeer } from "../samples.ts";
import { drain, Fleet, place, told } from "./fleet.ts";
import { NOW, UNIX } from "./small_registrar.ts";

const MANY = 1000;
const AT_ONCE = 8;
const PER_TURN = 16;
const MOST_SEARCHES = 1024;
const NO_FLOOD = 64;

const fleet = new Fleet(MANY);

/** The number of signatures that `action` verified. */
function verifications(registrar: Registrar, action: () => unknown): number {
  const before = registrar.verifications;
  action();
  return registrar.verifications - before;
}

/** A registrar that has admitted all clients, each at the place of its number. */
function fullGate(): Registrar {
  const registrar = fleet.registrar();
  for (let client = 0; client < MANY; client++) {
    registrar.handle(fleet.packet(client, place(client)), NOW, UNIX);
  }
  assert.equal(registrar.admissions.size, MANY);
  return registrar;
}

const full = fullGate();

Deno.test("handle() verifies one signature for a client at its earlier endpoint, whatever its version", () => {
  for (const client of [0, 500, 999]) {
    const packet = fleet.packet(client, place(client), { isOld: true });
    assert.equal(
      verifications(full, () => assert.equal(told(full.handle(packet, NOW, UNIX)), `c${client}`)),
      1,
    );
  }
});

Deno.test("handle() verifies one signature for a client at its earlier endpoint, among many at its address", () => {
  const registrar = fleet.registrar();
  const home = (client: number) => ({ ip: "198.51.100.1", port: 40_000 + client });
  for (let client = 0; client < 50; client++) registrar.handle(fleet.packet(client, home(client)), NOW, UNIX);
  const packet = fleet.packet(7, home(7), { isOld: true });
  assert.equal(
    verifications(registrar, () => assert.equal(told(registrar.handle(packet, NOW, UNIX)), "c7")),
    1,
  );
});

Deno.test("handle() finds a client that hints at its key among a thousand with one verification", () => {
  const registrar = fleet.registrar();
  let count = 0;
  for (let client = 0; client < 200; client++) {
    const packet = fleet.packet(client, place(client));
    count += verifications(
      registrar,
      () => assert.equal(told(registrar.handle(packet, NOW, UNIX)), `c${client}`),
    );
  }
  assert.ok(count >= 200 && count <= 205, `${count}`);
});

Deno.test("handle() understands hints from clocks that are a few minutes off; a search finds other keys", () => {
  for (const [seconds, isFound] of [[-256, true], [256, true], [-1000, false], [1000, false]] as const) {
    const registrar = fleet.registrar();
    const packet = fleet.packet(600, place(1), { clock: UNIX + seconds });
    const outcome = registrar.handle(packet, NOW, UNIX);
    assert.equal(told(outcome), isFound ? "c600" : "searching", `${seconds}`);
    assert.deepEqual(drain(registrar), isFound ? [] : ["c600"]);
  }
});

Deno.test("handle() finds no key by a hint made with another secret", () => {
  const other = new Fleet(20);
  const peers = other.settings.peers.map((peer) => ({
    ...peer,
    scheme: { ...peer.scheme, secret: "t" } as Scheme,
  }));
  const registrar = fleet.registrar().withSettings({ ...other.settings, peers }, new Map(), NOW);
  assert.equal(told(registrar.handle(fleet.packet(3, place(1)), NOW, UNIX)), "searching");
  assert.deepEqual(drain(registrar), ["wrong signature"]);
});

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

Deno.test("handle() verifies no signature for peers with a token or no authentication", () => {
  const token = samplePeer({ name: "token" });
  const port = samplePeer({ name: "port", scheme: { kind: "port" } });
  const registrar = fleet.registrar().withSettings(
    { ...fleet.settings, peers: [...fleet.settings.peers, token, port] },
    new Map(),
    NOW,
  );
  const send = (text: string, source: Endpoint) => {
    const datagram = { ...fleet.junk(source), payload: new TextEncoder().encode(text) };
    return told(registrar.handle(datagram, NOW, UNIX));
  };
  const texts = ["a token of 24 characters", "a token of 24 characterS", "", "x"];
  assert.deepEqual(texts.map((text, index) => send(text, place(index))), [
    "token",
    "wrong token",
    "port",
    "wrong length",
  ]);
  assert.equal(registrar.verifications, 0);
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
  const registrar = fullGate();
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

Deno.test("handle() knows a peer at once that was displaced a moment ago", () => {
  const registrar = fullGate();
  registrar.handle(fleet.junk(place(5000)), NOW, UNIX);
  assert.equal(told(registrar.handle(fleet.packet(1, place(7)), NOW, UNIX)), "another peer is there");
  const later = NOW + BID_MILLISECONDS;
  assert.deepEqual(registrar.settle(later).map(told), ["c1"]);
  assert.equal(told(registrar.handle(fleet.packet(7, place(6000), { isOld: true }), later, UNIX)), "c7");
});

Deno.test("handle() finds a client among ten thousand packets from its very place, which cost little", () => {
  for (const isOld of [false, true]) {
    const registrar = fullGate();
    const [source, now] = [place(7), NOW + 60_000];
    registrar.handle(fleet.packet(7, source, { isOld }), now, UNIX);
    const junk = fleet.junk(source);
    const count = verifications(registrar, () => {
      for (let number = 0; number < 10_000; number++) registrar.handle(junk, now + number / 10, UNIX);
    });
    // One of each is of an old client's key; a new one's key is tried for few.
    assert.ok(count <= (isOld ? 10_200 : 400), `${count}`);
    const packet = fleet.packet(7, source, { isOld, clock: UNIX + 1 });
    assert.equal(told(registrar.handle(packet, now + 1000, UNIX + 1)), "c7");
  }
});

Deno.test("handle() leaves unlikely keys to a search: junk from strangers costs no verification while all peers are in", () => {
  const registrar = fullGate();
  const count = verifications(registrar, () => {
    for (let number = 0; number < 100; number++) {
      registrar.handle(fleet.junk(place(5000 + number)), NOW, UNIX);
    }
  });
  assert.ok(count <= 10, `${count}`);
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

Deno.test("withSettings() remembers where clients were", () => {
  const registrar = fleet.registrar();
  registrar.handle(fleet.packet(700, place(1)), NOW, UNIX);
  const next = registrar.withSettings(fleet.settings, new Map(), NOW);
  assert.equal(
    verifications(next, () => next.handle(fleet.packet(700, place(1), { isOld: true }), NOW, UNIX)),
    1,
  );
});

Deno.test("resume() keeps a peer that the discarded registrar found by an older packet", () => {
  const registrar = fleet.registrar();
  assert.equal(told(registrar.handle(fleet.packet(600, place(1), { isOld: true }), NOW, UNIX)), "searching");
  const next = registrar.withSettings(fleet.settings, new Map(), NOW);
  assert.deepEqual(drain(next), ["c600"]);
  registrar.resume(next, NOW);
  assert.deepEqual(registrar.admissions.get("c600")?.remote, place(1));
});

Deno.test("adopt() and resume() remember where clients were, and which was there last", () => {
  const registrar = fleet.registrar();
  registrar.adopt("c700", { remote: place(1), port: 10_000, expiresAt: null }, NOW);
  registrar.adopt("c800", { remote: place(2), port: 10_000, expiresAt: null }, NOW);
  const old = (client: number, number: number) => fleet.packet(client, place(number), { isOld: true });
  assert.equal(verifications(registrar, () => registrar.handle(old(700, 1), NOW, UNIX)), 1);
  const next = registrar.withSettings(fleet.settings, new Map(), NOW);
  for (const client of [800, 700]) {
    next.handle(fleet.packet(client, { ...place(3), port: client }), NOW, UNIX);
  }
  registrar.resume(next, NOW);
  for (const client of [800, 700]) {
    const packet = fleet.packet(client, { ...place(3), port: client }, { isOld: true });
    assert.equal(verifications(registrar, () => registrar.handle(packet, NOW, UNIX)), 1);
  }
});

Deno.test("resume() first tries the client that came last to an address", () => {
  const registrar = fleet.registrar();
  for (const client of [600, 700]) registrar.handle(fleet.packet(client, place(client)), NOW, UNIX);
  const next = registrar.withSettings(fleet.settings, new Map(), NOW);
  for (const client of [700, 600]) {
    next.handle(fleet.packet(client, { ...place(3), port: client }), NOW, UNIX);
  }
  registrar.resume(next, NOW);
  const packet = fleet.packet(600, { ...place(3), port: 1 }, { isOld: true });
  assert.equal(verifications(registrar, () => registrar.handle(packet, NOW, UNIX)), 1);
});
