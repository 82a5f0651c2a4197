import assert from "node:assert/strict";
import fc from "fast-check";
import { makeSignedPayload } from "../../../lib/auth/ed25519.ts";
import { isWeakPublicKey } from "../../../lib/auth/keys.ts";
import {
  authPayloadLength,
  looksLikeInnerPacket,
  makeAuthenticator,
  makeAuthPayload,
  makeReplyPayload,
  makeReplyVerifier,
  type Scheme,
} from "../../../lib/auth/scheme.ts";
import { ACCEPTED, ed25519, README_KEY_PAIR, REFUSED, REPLY } from "./vectors.ts";

const NOW = 1_795_219_200;
const PORT: Scheme = { kind: "port" };
const TOKEN: Scheme = { kind: "token", token: new TextEncoder().encode("open sesame") };
const SIGNING = ed25519({ ...README_KEY_PAIR, secret: "topsecret" });
const VERIFYING = ed25519({ remotePublicKey: README_KEY_PAIR.publicKey, secret: "topsecret" });
/** A client that does not know its server's key. */
const SIGNING_ONLY = ed25519({ privateKey: README_KEY_PAIR.privateKey, secret: "topsecret" });
const { privateKey: SERVER_KEY, publicKey: SERVER_PUBLIC_KEY } = ACCEPTED[0]!;
/** A client that knows it. */
const KNOWING_SERVER = ed25519({
  privateKey: README_KEY_PAIR.privateKey,
  remotePublicKey: SERVER_PUBLIC_KEY,
  secret: "topsecret",
});

/** A server with a key of its own. */
function server(secret = "topsecret"): Scheme {
  return ed25519({ privateKey: SERVER_KEY, remotePublicKey: README_KEY_PAIR.publicKey, secret });
}

/** Not random at all: 7, 8, 9 … */
function countUp(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 7 + index);
}

Deno.test("authPayloadLength() is the length of what makeAuthPayload() makes", () => {
  assert.deepEqual([PORT, TOKEN, SIGNING].map(authPayloadLength), [0, 11, 73]);
  for (const scheme of [PORT, TOKEN, SIGNING]) {
    assert.equal(makeAuthPayload(scheme, NOW, countUp).length, authPayloadLength(scheme));
  }
});

Deno.test("makeAuthPayload() makes a packet that the far side's makeAuthenticator() takes", () => {
  assert.equal(makeAuthenticator(PORT, 0)(makeAuthPayload(PORT, NOW, countUp), NOW), null);
  assert.equal(makeAuthenticator(TOKEN, 0)(makeAuthPayload(TOKEN, NOW, countUp), NOW), null);
  const authenticate = makeAuthenticator(VERIFYING, 1);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 40 - 1 }), (timestamp) => {
      assert.equal(authenticate(makeAuthPayload(SIGNING, timestamp, countUp), timestamp), null);
    }),
    { numRuns: 20 },
  );
});

Deno.test("makeAuthPayload() asks for a salt of four bytes and sends it last", () => {
  const lengths: number[] = [];
  const payload = makeAuthPayload(SIGNING, NOW, (length) => {
    lengths.push(length);
    return countUp(length);
  });
  assert.deepEqual(lengths, [4]);
  assert.deepEqual([...payload.slice(-4)], [7, 8, 9, 10]);
});

Deno.test("makeAuthPayload() takes another salt where the packet would look like tunnelled data", () => {
  // Of a million salts this is one whose signature begins like an IPv4 header of 73 bytes.
  const unlucky = new Uint8Array([0x00, 0x13, 0x5e, 0xc5]);
  const data = makeSignedPayload(README_KEY_PAIR.privateKey, "topsecret", NOW, unlucky);
  assert.equal(looksLikeInnerPacket(data), true);
  const salts = [unlucky, countUp(4)];
  const payload = makeAuthPayload(SIGNING, NOW, () => salts.shift()!);
  assert.equal(looksLikeInnerPacket(payload), false);
  assert.deepEqual([...payload.slice(-4)], [7, 8, 9, 10]);
});

Deno.test("makeAuthPayload() cannot sign without a private key", () => {
  const message = "Cannot sign an auth packet without a private key";
  assert.throws(() => makeAuthPayload(VERIFYING, NOW, countUp), { name: "TypeError", message });
});

Deno.test("looksLikeInnerPacket() is true for an IPv4 packet just as long as it says", () => {
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

Deno.test("makeAuthenticator() takes every packet that an independent library made", () => {
  for (const { publicKey, secret, payload, timestamp } of ACCEPTED) {
    const authenticate = makeAuthenticator(ed25519({ remotePublicKey: publicKey, secret }), 0);
    assert.equal(authenticate(payload, NOW), null, `time ${timestamp}`);
  }
});

Deno.test("makeAuthenticator() refuses every bad packet, or its key is refused before", () => {
  assert.ok(REFUSED.length > 30);
  for (const { name, publicKey, secret, payload } of REFUSED) {
    if (isWeakPublicKey(publicKey)) continue;
    const authenticate = makeAuthenticator(ed25519({ remotePublicKey: publicKey, secret }), 0);
    const expected = payload.length < 73 ? "wrong length" : "wrong signature";
    assert.equal(authenticate(payload, NOW), expected, name);
  }
  const weak = REFUSED.filter(({ publicKey }) => isWeakPublicKey(publicKey)).map(({ name }) => name);
  assert.equal(weak.length, 11, weak.join("\n"));
  assert.ok(weak.every((name) => / key( |$)/.test(name)));
});

Deno.test("makeAuthenticator() looks at the time when it is told to, both ways and to the second", () => {
  const payload = makeAuthPayload(SIGNING, NOW, countUp);
  const authenticate = makeAuthenticator(VERIFYING, 30);
  for (const ours of [NOW - 30, NOW, NOW + 30]) assert.equal(authenticate(payload, ours), null);
  for (const ours of [NOW - 31, NOW + 31, 0]) {
    assert.equal(authenticate(payload, ours), "time too far from ours");
  }
  assert.equal(makeAuthenticator(VERIFYING, 1)(payload, NOW + 2), "time too far from ours");
  for (const ours of [0, NOW + 10 ** 9]) assert.equal(makeAuthenticator(VERIFYING, 0)(payload, ours), null);
});

Deno.test("makeAuthenticator() says nothing of the time of a packet that is not signed", () => {
  const payload = makeAuthPayload(SIGNING, 0, countUp);
  payload[0]! ^= 1;
  assert.equal(makeAuthenticator(VERIFYING, 30)(payload, NOW), "wrong signature");
});

Deno.test("makeAuthenticator() compares a token to the byte", () => {
  const authenticate = makeAuthenticator(TOKEN, 0);
  const check = (text: string) => authenticate(new TextEncoder().encode(text), NOW);
  assert.equal(check("open sesame"), null);
  assert.equal(check("Open sesame"), "wrong token");
  assert.equal(check("open sesamE"), "wrong token");
  assert.equal(check("open sesam"), "wrong length");
  assert.equal(check("open sesame\n"), "wrong length");
  assert.equal(check(""), "wrong length");
});

Deno.test("makeAuthenticator() takes an empty packet, and no other, where there is nothing to prove", () => {
  const authenticate = makeAuthenticator(PORT, 0);
  assert.equal(authenticate(new Uint8Array(), NOW), null);
  assert.equal(authenticate(new Uint8Array(1), NOW), "wrong length");
});

Deno.test("makeAuthenticator() cannot verify without the far side's public key", () => {
  const message = "Cannot authenticate without the remote public key";
  assert.throws(() => makeAuthenticator(SIGNING, 0), { name: "TypeError", message });
});

Deno.test("makeAuthenticator() never throws at a stranger's bytes, and takes none", () => {
  const authenticators = [TOKEN, VERIFYING].map((scheme) => makeAuthenticator(scheme, 30));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 150 }), (payload) => {
    for (const authenticate of authenticators) assert.notEqual(authenticate(payload, NOW), null);
  }));
});

Deno.test("makeReplyPayload() is the received packet backwards where there is no key to sign with", () => {
  for (const scheme of [PORT, TOKEN, VERIFYING]) {
    const { received, reply } = REPLY;
    const before = received.slice();
    assert.deepEqual(makeReplyPayload(scheme, received, NOW, countUp), reply);
    assert.deepEqual(received, before);
  }
});

Deno.test("makeReplyPayload() is signed with the server's own key where it has one", () => {
  const reply = makeReplyPayload(SIGNING, REPLY.received, NOW, countUp);
  assert.equal(makeAuthenticator(VERIFYING, 1)(reply, NOW), null);
  assert.notDeepEqual(reply, REPLY.reply);
});

Deno.test("makeReplyVerifier() takes what makeReplyPayload() makes of the packet sent, and nothing else", () => {
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

Deno.test("makeReplyVerifier() takes the server's signature alone where its key is known", () => {
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

Deno.test("makeReplyVerifier() looks at the time of a signed reply when it is told to", () => {
  const sent = makeAuthPayload(SIGNING, NOW, countUp);
  const reply = makeReplyPayload(server(), sent, NOW, countUp);
  const verdicts = (seconds: number) =>
    [0, 30, 31].map((late) => makeReplyVerifier(KNOWING_SERVER, seconds)(reply, sent, NOW + late));
  assert.deepEqual(verdicts(30), [true, true, false]);
  assert.deepEqual(verdicts(0), [true, true, true]);
});
