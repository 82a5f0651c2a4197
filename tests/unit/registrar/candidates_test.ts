import assert from "node:assert/strict";
import type { Endpoint } from "../../../lib/packet.ts";
import { BID_MILLISECONDS } from "../../../lib/registrar/roll.ts";
import type { Scheme } from "../../../lib/auth/scheme.ts";
import { samplePeer } from "../samples.ts";
import { drain, Fleet, place, told, verifications } from "./fleet.ts";
import { NOW, UNIX } from "./small_registrar.ts";

const MANY = 1000;

const fleet = new Fleet(MANY);
const full = fleet.fullRegistrar();

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

Deno.test("handle() knows a peer at once that was displaced a moment ago", () => {
  const registrar = fleet.fullRegistrar();
  registrar.handle(fleet.junk(place(5000)), NOW, UNIX);
  assert.equal(told(registrar.handle(fleet.packet(1, place(7)), NOW, UNIX)), "another peer is there");
  const later = NOW + BID_MILLISECONDS;
  assert.deepEqual(registrar.settle(later).map(told), ["c1"]);
  assert.equal(told(registrar.handle(fleet.packet(7, place(6000), { isOld: true }), later, UNIX)), "c7");
});

Deno.test("handle() finds a client among ten thousand packets from its very place, which cost little", () => {
  for (const isOld of [false, true]) {
    const registrar = fleet.fullRegistrar();
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
  const registrar = fleet.fullRegistrar();
  const count = verifications(registrar, () => {
    for (let number = 0; number < 100; number++) {
      registrar.handle(fleet.junk(place(5000 + number)), NOW, UNIX);
    }
  });
  assert.ok(count <= 10, `${count}`);
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
