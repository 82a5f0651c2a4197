import assert from "node:assert/strict";
import fc from "fast-check";
import { makeSignedPayload, signedTime } from "../../../lib/auth/ed25519.ts";
import { epochOf, hintIn, keyHint } from "../../../lib/auth/hint.ts";
import { makeProof, makeReplyVerifier } from "../../../lib/auth/proof.ts";
import {
  authPayloadLength,
  looksLikeInnerPacket,
  makeAuthPayload,
  makeGoodbyePayload,
  makeReplyPayload,
  type Scheme,
} from "../../../lib/auth/scheme.ts";
import { ACCEPTED, ed25519, README_KEY_PAIR, REPLY } from "./vectors.ts";

const NOW = 1_795_219_200;
const PORT: Scheme = { kind: "port" };
const TOKEN: Scheme & { kind: "token" } = { kind: "token", token: new TextEncoder().encode("open sesame") };
const SIGNING = ed25519({ ...README_KEY_PAIR, secret: "topsecret" });
const VERIFYING = ed25519({ remotePublicKey: README_KEY_PAIR.publicKey, secret: "topsecret" });
/** A client without its server's key. */
const SIGNING_ONLY = ed25519({ privateKey: README_KEY_PAIR.privateKey, secret: "topsecret" });
const { privateKey: SERVER_KEY, publicKey: SERVER_PUBLIC_KEY } = ACCEPTED[0]!;
/** A client with its server's key. */
const KNOWING_SERVER = ed25519({
  privateKey: README_KEY_PAIR.privateKey,
  remotePublicKey: SERVER_PUBLIC_KEY,
  secret: "topsecret",
});

/** A server with its own key. */
function server(secret = "topsecret"): Scheme {
  return ed25519({ privateKey: SERVER_KEY, remotePublicKey: README_KEY_PAIR.publicKey, secret });
}

/** An auth packet and its signed reply, as the release before good-byes made them. */
const AS_BEFORE = [
  "e63a3754a1d343b403a69acd9bbfa98c4f4b558ab088eedf3030c395c2109695a1d6ce9dc528579e6cb63895bf37d75c3675ab4e2c0fd69712" +
  "cd9b7544b7290a006b00df000708722a",
  "3033f63ca00bcd4051cfc12cb6b36cbb09616d86f3803d870375d5ba72c449132413fae9e039e698808d0b4b823625e16585de7ca51bb2318" +
  "6d86b7e90e0dd0a006b00df000708090a",
];

/** Counts up: 7, 8, 9 … */
function countUp(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 7 + index);
}

Deno.test("authPayloadLength() is the length of makeAuthPayload()'s result", () => {
  assert.deepEqual([PORT, TOKEN, SIGNING].map(authPayloadLength), [0, 11, 73]);
  for (const scheme of [PORT, TOKEN, SIGNING]) {
    assert.equal(makeAuthPayload(scheme, NOW, countUp).length, authPayloadLength(scheme));
  }
});

Deno.test("makeAuthPayload() makes a packet that the peer's makeProof() accepts", () => {
  assert.ok(makeProof(PORT).verify(makeAuthPayload(PORT, NOW, countUp)));
  assert.ok(makeProof(TOKEN).verify(makeAuthPayload(TOKEN, NOW, countUp)));
  const { verify } = makeProof(VERIFYING);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 40 - 1 }), (timestamp) => {
      const payload = makeAuthPayload(SIGNING, timestamp, countUp);
      assert.ok(verify(payload));
      assert.equal(signedTime(payload), timestamp);
    }),
    { numRuns: 20 },
  );
});

Deno.test("makeAuthPayload() ends with a salt of two random bytes and the key hint", () => {
  const lengths: number[] = [];
  const payload = makeAuthPayload(SIGNING, NOW, (length) => {
    lengths.push(length);
    return countUp(length);
  });
  assert.deepEqual(lengths, [2]);
  assert.deepEqual([...payload.slice(-4, -2)], [7, 8]);
  assert.equal(hintIn(payload), keyHint(README_KEY_PAIR.publicKey, "topsecret", epochOf(NOW)));
});

Deno.test("makeReplyPayload() picks another salt when the packet would look like tunnelled data", () => {
  // Of a million salts this is one whose signature begins like an IPv4 header of 73 bytes.
  const unlucky = new Uint8Array([0x00, 0x13, 0x5e, 0xc5]);
  const data = makeSignedPayload(README_KEY_PAIR.privateKey, "topsecret", NOW, unlucky);
  assert.equal(looksLikeInnerPacket(data), true);
  const salts = [unlucky, countUp(4)];
  const payload = makeReplyPayload(SIGNING, REPLY.received, NOW, () => salts.shift()!);
  assert.equal(looksLikeInnerPacket(payload), false);
  assert.deepEqual([...payload.slice(-4)], [7, 8, 9, 10]);
});

Deno.test("makeAuthPayload() picks another salt when the packet would look like tunnelled data", () => {
  // Of half a million times and random bytes these are the first with such a signature.
  const [time, unlucky] = [NOW + 6, new Uint8Array([0xcb, 0xbe])];
  const hint = keyHint(README_KEY_PAIR.publicKey, "topsecret", epochOf(time));
  const salt = Uint8Array.of(...unlucky, hint >> 8, hint & 0xff);
  assert.ok(looksLikeInnerPacket(makeSignedPayload(README_KEY_PAIR.privateKey, "topsecret", time, salt)));
  const salts = [unlucky, countUp(2)];
  const payload = makeAuthPayload(SIGNING, time, () => salts.shift()!);
  assert.deepEqual([salts.length, looksLikeInnerPacket(payload)], [0, false]);
  assert.deepEqual([...payload.slice(-4, -2)], [7, 8]);
});

Deno.test("makeAuthPayload() cannot sign without a private key", () => {
  const message = "Cannot sign an auth packet without a private key";
  assert.throws(() => makeAuthPayload(VERIFYING, NOW, countUp), { name: "TypeError", message });
});

Deno.test("looksLikeInnerPacket() is true for an IPv4 packet of exactly its stated length", () => {
  const packet = (version: number, said: number, length: number) => {
    const bytes = new Uint8Array(length);
    bytes.set([version << 4 | 5, 0, said >> 8, said & 0xff].slice(0, length));
    return looksLikeInnerPacket(bytes);
  };
  assert.equal(packet(4, 73, 73), true);
  assert.equal(packet(4, 20, 20), true);
  assert.equal(packet(4, 1472, 1472), true);
  assert.equal(packet(4, 19, 19), false, "shorter than an IPv4 header");
  assert.equal(packet(4, 74, 73), false, "says one more");
  assert.equal(packet(4, 73 + 256, 73), false, "says 256 more");
  assert.equal(packet(6, 73, 73), false, "another version");
  assert.equal(packet(4, 0, 0), false, "empty");
});

Deno.test("makeReplyPayload() reverses the received packet when there is no key to sign with", () => {
  for (const scheme of [PORT, TOKEN, VERIFYING]) {
    const { received, reply } = REPLY;
    const before = received.slice();
    assert.deepEqual(makeReplyPayload(scheme, received, NOW, countUp), reply);
    assert.deepEqual(received, before);
  }
});

Deno.test("makeReplyPayload() signs with the server's own key if it has one", () => {
  const reply = makeReplyPayload(SIGNING, REPLY.received, NOW, countUp);
  assert.ok(makeProof(VERIFYING).verify(reply));
  assert.equal(signedTime(reply), NOW);
  assert.deepEqual([...reply.slice(-4)], [7, 8, 9, 10]);
  assert.notDeepEqual(reply, REPLY.reply);
});

Deno.test("makeReplyVerifier() accepts only makeReplyPayload()'s reply to the packet sent", () => {
  for (const scheme of [PORT, TOKEN, SIGNING_ONLY]) {
    const verify = makeReplyVerifier(scheme, 0);
    const sent = makeAuthPayload(scheme, NOW, countUp);
    const before = sent.slice();
    const reply = makeReplyPayload(scheme.kind === "ed25519" ? VERIFYING : scheme, sent, NOW, countUp);
    assert.equal(verify(reply, sent, NOW), true, scheme.kind);
    assert.deepEqual(sent, before);
    assert.equal(verify(new Uint8Array([...reply, 0]), sent, NOW), false, scheme.kind);
    for (const index of reply.keys()) {
      assert.equal(verify(reply.with(index, reply[index]! ^ 1), sent, NOW), false, `byte ${index}`);
    }
    if (sent.length > 0) assert.equal(verify(sent, sent, NOW), false, `${scheme.kind} as it was sent`);
  }
  const [earlier, later] = [NOW, NOW + 1].map((time) => makeAuthPayload(SIGNING_ONLY, time, countUp));
  assert.equal(makeReplyVerifier(SIGNING_ONLY, 0)(earlier!.slice().reverse(), later!, NOW), false);
});

Deno.test("makeReplyVerifier() accepts only the server's signature when its key is known", () => {
  const sent = makeAuthPayload(SIGNING, NOW, countUp);
  const verify = makeReplyVerifier(KNOWING_SERVER, 0);
  const reply = makeReplyPayload(server(), sent, NOW, countUp);
  assert.equal(verify(reply, sent, NOW), true);
  for (const index of reply.keys()) {
    assert.equal(verify(reply.with(index, reply[index]! ^ 1), sent, NOW), false, `byte ${index}`);
  }
  assert.equal(verify(sent, sent, NOW), false, "our own packet");
  assert.equal(verify(sent.slice().reverse(), sent, NOW), false, "our own packet, backwards");
  const otherSecret = makeReplyPayload(server("another"), sent, NOW, countUp);
  assert.equal(verify(otherSecret, sent, NOW), false, "another secret");
});

Deno.test("makeReplyVerifier() checks the time of a signed reply unless the limit is 0", () => {
  const sent = makeAuthPayload(SIGNING, NOW, countUp);
  const reply = makeReplyPayload(server(), sent, NOW, countUp);
  const verdicts = (seconds: number) =>
    [0, 30, 31].map((late) => makeReplyVerifier(KNOWING_SERVER, seconds)(reply, sent, NOW + late));
  assert.deepEqual(verdicts(30), [true, true, false]);
  assert.deepEqual(verdicts(0), [true, true, true]);
});

Deno.test("makeGoodbyePayload() signs an extension in which the client says that it stops", () => {
  const payload = makeGoodbyePayload(SIGNING, NOW, countUp)!;
  assert.equal(payload.length, 79);
  assert.deepEqual([...payload.slice(73)], [0x49, 0x50, 0x32, 1, 6, 0]);
  assert.equal(signedTime(payload), NOW);
  assert.equal(hintIn(payload), keyHint(README_KEY_PAIR.publicKey, "topsecret", epochOf(NOW)));
  const { verify } = makeProof(VERIFYING);
  assert.ok(verify(payload));
  for (const index of payload.keys()) {
    assert.equal(verify(payload.with(index, payload[index]! ^ 1)), false, `byte ${index}`);
  }
  assert.equal(verify(payload.slice(0, 73)), false, "the signature covers what is cut off");
  for (const scheme of [PORT, TOKEN]) assert.equal(makeGoodbyePayload(scheme, NOW, countUp), null);
});

Deno.test("auth packets and replies have the same bytes as before there were good-byes", () => {
  const auth = makeAuthPayload(SIGNING, NOW, countUp);
  const reply = makeReplyPayload(server(), auth, NOW, countUp);
  assert.deepEqual([auth, reply].map((payload) => payload.toHex()), AS_BEFORE);
  assert.deepEqual(makeAuthPayload(TOKEN, NOW, countUp), TOKEN.token);
  assert.equal(makeAuthPayload(PORT, NOW, countUp).length, 0);
});
