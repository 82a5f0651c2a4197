import assert from "node:assert/strict";
import fc from "fast-check";
import { makeSignedPayload } from "../../../lib/auth/ed25519.ts";
import { makeExtension } from "../../../lib/auth/extension.ts";
import { makeNewsPayload } from "../../../lib/auth/news.ts";
import { makeAuthPayload, makeGoodbyePayload, type Scheme } from "../../../lib/auth/scheme.ts";
import type { Datagram, Endpoint } from "../../../lib/packet.ts";
import type { Registrar } from "../../../lib/registrar.ts";
import { ACCEPTED, ed25519, README_KEY_PAIR } from "../auth/vectors.ts";
import {
  admitted,
  authPacket,
  ELSEWHERE,
  HOME,
  newRegistrar,
  nextSalt,
  NOW,
  SERVER,
  settings,
  SIGNING,
  token,
  UNIX,
  VERIFYING,
  wordsOf,
} from "./small_registrar.ts";

const NOT_HERE = "a good-bye from where its peer is not";
const NO_EXTENSION = "not an extension of a known form";

function goodbye(scheme: Scheme, source: Endpoint, timestamp = UNIX): Datagram {
  return { source, destination: SERVER, payload: makeGoodbyePayload(scheme, timestamp, nextSalt)! };
}

/** A signed payload of the client's with these bytes after the nextSalt. */
function extended(extension: Uint8Array, timestamp = UNIX): Datagram {
  const payload = makeSignedPayload(README_KEY_PAIR.privateKey, "s", timestamp, nextSalt(4), extension);
  return { source: HOME, destination: SERVER, payload };
}

function remoteOf(registrar: Registrar): Endpoint | null {
  return registrar.admissions.get("ipipou0")!.remote;
}

Deno.test("handle() lets no good-bye end what a later auth packet began, in whatever order packets may come", () => {
  for (const replay of ["strict", "window"] as const) {
    const registrar = newRegistrar([{ scheme: VERIFYING, replay }]);
    // Of a client that stopped and started again.
    const late = goodbye(SIGNING, HOME, UNIX + 10);
    assert.equal(wordsOf(registrar.handle(authPacket(SIGNING, HOME, UNIX + 12), NOW, UNIX + 12)), "admitted");
    assert.equal(wordsOf(registrar.handle(late, NOW + 20_000, UNIX + 32)), "older than one accepted before");
    assert.match(wordsOf(registrar.handle(goodbye(SIGNING, HOME, UNIX + 33), NOW, UNIX + 33)), /left/);
  }
});

Deno.test("handle() ends an admission by a good-bye from its place, and admits the peer again", () => {
  for (const later of [0, 1, 100]) {
    const registrar = admitted();
    const outcome = registrar.handle(goodbye(SIGNING, HOME, UNIX + later), NOW + 1, UNIX + later);
    assert.equal(wordsOf(outcome), "ipipou0 left: good-bye");
    assert.deepEqual(registrar.admissions.get("ipipou0"), {
      remote: null,
      port: SERVER.port,
      expiresAt: NOW + 1,
    });
    const again = registrar.handle(authPacket(SIGNING, ELSEWHERE, UNIX + later), NOW + 2, UNIX + later);
    assert.equal(again.kind, "admitted");
    assert.deepEqual(remoteOf(registrar), ELSEWHERE);
  }
});

Deno.test("handle() ignores a good-bye from elsewhere, and to another port", () => {
  const registrar = admitted();
  for (const source of [ELSEWHERE, { ...HOME, port: HOME.port + 1 }, { ...HOME, ip: "198.51.100.3" }]) {
    assert.equal(wordsOf(registrar.handle(goodbye(SIGNING, source), NOW, UNIX)), NOT_HERE);
  }
  const toAnotherPort = { ...goodbye(SIGNING, HOME), destination: { ...SERVER, port: 10_001 } };
  assert.equal(wordsOf(registrar.handle(toAnotherPort, NOW, UNIX)), "to a port no longer used");
  assert.deepEqual(remoteOf(registrar), HOME);
});

Deno.test("handle() ignores a good-bye that is repeated, older than an auth packet, or too far from our time", () => {
  const registrar = admitted({ maxTimeDiscrepancy: 30 });
  const first = goodbye(SIGNING, HOME, UNIX);
  assert.equal(registrar.handle(first, NOW, UNIX).kind, "left");
  registrar.handle(authPacket(SIGNING, HOME, UNIX + 5), NOW, UNIX + 5);
  assert.equal(wordsOf(registrar.handle(first, NOW, UNIX + 5)), "older than one accepted before");
  const early = goodbye(SIGNING, HOME, UNIX + 3);
  assert.equal(wordsOf(registrar.handle(early, NOW, UNIX + 5)), "older than one accepted before");
  const far = goodbye(SIGNING, HOME, UNIX + 60);
  assert.equal(wordsOf(registrar.handle(far, NOW, UNIX + 5)), "time too far from ours");
  assert.deepEqual(remoteOf(registrar), HOME);
});

Deno.test("handle() takes no good-bye where auth packets may be repeated", () => {
  const registrar = admitted({ replay: "off" });
  const outcome = registrar.handle(goodbye(SIGNING, HOME), NOW, UNIX);
  assert.equal(wordsOf(outcome), "a good-bye, which could be a repeated one");
  assert.deepEqual(remoteOf(registrar), HOME);
});

Deno.test("handle() takes no good-bye of a peer that is not let in", () => {
  const registrar = newRegistrar([{ scheme: VERIFYING, lifetime: 1 }]);
  assert.equal(wordsOf(registrar.handle(goodbye(SIGNING, HOME), NOW, UNIX)), NOT_HERE);
  registrar.handle(authPacket(SIGNING, HOME), NOW, UNIX);
  assert.equal(wordsOf(registrar.handle(goodbye(SIGNING, HOME, UNIX + 1), NOW + 1000, UNIX + 1)), NOT_HERE);
});

Deno.test("handle() takes for a good-bye only what says just that", () => {
  const bye = makeExtension("client stops");
  const cases: [string, Uint8Array, string][] = [
    [
      "a field of an unknown type before it",
      Uint8Array.of(...bye.slice(0, 4), 9, 1, 7, 6, 0),
      "ipipou0 left: good-bye",
    ],
    ["a field of an unknown type alone", Uint8Array.of(...bye.slice(0, 4), 9, 0), "admitted"],
    ["cut short", bye.slice(0, -1), NO_EXTENSION],
    ["a longer field than there is", Uint8Array.of(...bye, 9, 200), NO_EXTENSION],
    ["with a value", Uint8Array.of(...bye.slice(0, -1), 1, 0), NO_EXTENSION],
    ["another version", bye.with(3, 2), NO_EXTENSION],
    ["anything", new TextEncoder().encode("anything"), NO_EXTENSION],
    ["what a server says", makeExtension("server stops"), NO_EXTENSION],
    ["what a server says, and it", Uint8Array.of(...bye, 11, 0), NO_EXTENSION],
  ];
  for (const [name, extension, outcome] of cases) {
    assert.equal(wordsOf(admitted().handle(extended(extension), NOW, UNIX)), outcome, name);
  }
});

Deno.test("handle() takes nothing that its server says for a client's, though both have one key", () => {
  const registrar = admitted();
  const both = ed25519({ ...README_KEY_PAIR, secret: "s", remotePublicKey: README_KEY_PAIR.publicKey });
  for (const news of ["stops", "starts"] as const) {
    const payload = makeNewsPayload(both, news, UNIX, nextSalt);
    assert.equal(
      wordsOf(registrar.handle({ source: HOME, destination: SERVER, payload }, NOW, UNIX)),
      NO_EXTENSION,
    );
  }
  assert.deepEqual(remoteOf(registrar), HOME);
});

Deno.test("handle() lets no packet that came before a good-bye undo it", () => {
  const keys = ACCEPTED.slice(0, 2);
  const peers = [
    { name: "a", scheme: VERIFYING },
    ...keys.map(({ publicKey }, index) => ({
      name: `k${index}`,
      scheme: ed25519({ remotePublicKey: publicKey, secret: "s" }),
    })),
  ];
  const registrar = newRegistrar(peers);
  const late = authPacket(SIGNING, HOME, UNIX);
  registrar.handle(authPacket(SIGNING, HOME, UNIX), NOW, UNIX);
  assert.equal(registrar.handle(goodbye(SIGNING, HOME, UNIX + 1), NOW, UNIX + 1).kind, "left");
  assert.equal(wordsOf(registrar.handle(late, NOW, UNIX + 1)), "older than one accepted before");
  assert.equal(registrar.admissions.get("a")!.remote, null);
});

Deno.test("a good-bye gives its peer's place to who waits for it, at once", () => {
  const other = ACCEPTED[0]!;
  const registrar = newRegistrar([
    { name: "a", scheme: VERIFYING },
    { name: "b", scheme: ed25519({ remotePublicKey: other.publicKey, secret: "s" }) },
  ]);
  registrar.handle(authPacket(SIGNING, HOME), NOW, UNIX);
  const bidder = ed25519({ privateKey: other.privateKey, secret: "s" });
  assert.equal(wordsOf(registrar.handle(authPacket(bidder, HOME), NOW, UNIX)), "another peer is there");
  assert.equal(
    wordsOf(registrar.handle(goodbye(SIGNING, HOME, UNIX + 1), NOW + 5, UNIX + 1)),
    "a left: good-bye",
  );
  assert.ok(registrar.due! <= NOW + 5);
  assert.deepEqual(registrar.settle(NOW + 5).map(({ kind, peer }) => [kind, peer.name]), [["admitted", "b"]]);
  assert.deepEqual(registrar.admissions.get("b")!.remote, HOME);
});

Deno.test("a good-bye holds under new settings, and after they were given up", () => {
  const registrar = admitted();
  const next = registrar.withSettings(settings([{ scheme: VERIFYING }]), new Map(), NOW);
  assert.equal(next.handle(goodbye(SIGNING, HOME, UNIX + 1), NOW, UNIX + 1).kind, "left");
  registrar.resume(next, NOW);
  assert.equal(remoteOf(registrar), null);
  const after = registrar.withSettings(settings([{ scheme: VERIFYING }]), new Map(), NOW);
  assert.equal(remoteOf(after), null);
});

Deno.test("whatever others say and repeat, a peer leaves by its own good-bye from its own place alone", () => {
  const keys = ACCEPTED.slice(0, 3);
  const names = ["a", "b", "c", "t"];
  const schemes: Scheme[] = [
    ...keys.map(({ privateKey }) => ed25519({ privateKey, secret: "s" })),
    token("a token"),
  ];
  const peers = names.map((name, index) => ({
    name,
    scheme: index === 3
      ? token("a token")
      : ed25519({ remotePublicKey: keys[index]!.publicKey, secret: "s" }),
  }));
  const places = names.map((_, index) => ({ ip: "198.51.100.2", port: 40_000 + index }));
  const step = fc.record({
    sender: fc.nat(3),
    place: fc.nat(3),
    kind: fc.constantFrom("auth", "good-bye", "repeat", "cut", "flip"),
    index: fc.nat(200),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const registrar = newRegistrar(peers);
      const seen: Datagram[] = [];
      for (const [index, scheme] of schemes.entries()) {
        registrar.handle(authPacket(scheme, places[index]!), NOW, UNIX);
      }
      for (const [turn, { sender, place, kind, index }] of steps.entries()) {
        const time = UNIX + turn + 1;
        const scheme = schemes[sender]!;
        const source = places[place]!;
        const before = new Map(registrar.admissions);
        const fresh = kind === "auth"
          ? makeAuthPayload(scheme, time, nextSalt)
          : makeGoodbyePayload(scheme, time, nextSalt) ?? makeAuthPayload(scheme, time, nextSalt);
        if (kind === "repeat" && seen.length === 0) continue;
        const payload = kind === "repeat"
          ? seen[index % seen.length]!.payload
          : kind === "cut"
          ? fresh.slice(0, -1)
          : kind === "flip"
          ? fresh.with(index % fresh.length, fresh[index % fresh.length]! ^ 1)
          : fresh;
        const datagram = { source, destination: SERVER, payload };
        const outcome = registrar.handle(datagram, NOW + turn, time);
        seen.push(datagram);
        const isOwn = kind === "good-bye" && sender < 3 && before.get(names[sender]!)?.remote === source;
        assert.equal(outcome.kind === "left", isOwn);
        // An auth packet may move two.
        if (payload.length < 78) continue;
        for (const [name, { remote }] of before) {
          if (name === names[sender] && isOwn) continue;
          assert.deepEqual(registrar.admissions.get(name)!.remote, remote, `${kind} of ${names[sender]}`);
        }
      }
    }),
    { numRuns: 200 },
  );
});
