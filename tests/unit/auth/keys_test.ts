import assert from "node:assert/strict";
import * as noble from "@noble/ed25519";
import fc from "fast-check";
import { parseSignedPayload } from "../../../lib/auth/ed25519.ts";
import { keyPairOf } from "../../../lib/auth/key_pair.ts";
import {
  isPoint,
  isWeakPublicKey,
  KEY_LENGTH,
  makeVerifier,
  publicKeyOf,
  SIGNATURE_LENGTH,
  signMessage,
} from "../../../lib/auth/keys.ts";
import { ACCEPTED, README_KEY_PAIR, REFUSED, WEAK_KEYS } from "./vectors.ts";

const FIELD_PRIME = 2n ** 255n - 19n;
const seedArbitrary = fc.uint8Array({ minLength: KEY_LENGTH, maxLength: KEY_LENGTH }).map((seed) =>
  new Uint8Array(seed)
);

/** The reference: RFC 8032 to the letter, in JavaScript. */
function verifyStrictly(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return noble.verify(signature, message, publicKey, { zip215: false });
}

/** The encoding of a public key with this y coordinate, and the given sign of x. */
function encode(y: bigint, sign: 0 | 1): Uint8Array {
  const number = y | (BigInt(sign) << 255n);
  return Uint8Array.from({ length: KEY_LENGTH }, (_, index) => Number((number >> BigInt(8 * index)) & 0xffn));
}

Deno.test("keyPairOf() matches an independent library", () => {
  for (const { privateKey, publicKey } of [README_KEY_PAIR, ...ACCEPTED]) {
    assert.deepEqual(keyPairOf(privateKey), { privateKey, publicKey });
  }
});

Deno.test("publicKeyOf() and signMessage() agree with the reference", () => {
  fc.assert(
    fc.property(seedArbitrary, fc.uint8Array({ maxLength: 300 }), (seed, message) => {
      const { privateKey, publicKey } = keyPairOf(seed);
      const signature = signMessage(message, privateKey);
      assert.deepEqual(publicKeyOf(privateKey), publicKey);
      assert.deepEqual(new Uint8Array(signature), noble.sign(message, privateKey));
      assert.equal(signature.length, SIGNATURE_LENGTH);
      assert.equal(makeVerifier(publicKey)(message, signature), true);
      assert.equal(verifyStrictly(message, signature, publicKey), true);
      assert.equal(isWeakPublicKey(publicKey), false);
    }),
    { numRuns: 30 },
  );
});

Deno.test("makeVerifier() agrees with the reference on all vectors except weak keys", () => {
  const vectors = [...ACCEPTED, ...REFUSED].filter(({ publicKey }) => !isWeakPublicKey(publicKey));
  let verified = 0;
  for (const { publicKey, payload, secret } of vectors) {
    const parts = parseSignedPayload(payload, secret);
    if (parts === null) continue;
    const { message, signature } = parts;
    const isGood = verifyStrictly(message, signature, publicKey);
    assert.equal(makeVerifier(publicKey)(message, signature), isGood);
    if (isGood) verified++;
  }
  assert.equal(verified, ACCEPTED.length);
});

Deno.test("makeVerifier() agrees with the reference on a signature with a bit flipped", () => {
  const bit = fc.nat(8 * SIGNATURE_LENGTH - 1);
  fc.assert(
    fc.property(seedArbitrary, fc.uint8Array({ maxLength: 99 }), bit, (seed, message, bit) => {
      const { privateKey, publicKey } = keyPairOf(seed);
      const signature = signMessage(message, privateKey);
      signature[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(verifyStrictly(message, signature, publicKey), false);
      assert.equal(makeVerifier(publicKey)(message, signature), false);
    }),
    { numRuns: 30 },
  );
});

Deno.test("makeVerifier() rejects another message and another key", () => {
  const { privateKey, publicKey } = README_KEY_PAIR;
  const message = new TextEncoder().encode("a message");
  const signature = signMessage(message, privateKey);
  assert.equal(makeVerifier(publicKey)(message, signature), true);
  assert.equal(makeVerifier(publicKey)(new TextEncoder().encode("a messagf"), signature), false);
  assert.equal(makeVerifier(publicKey)(new TextEncoder().encode("a message "), signature), false);
  assert.equal(makeVerifier(ACCEPTED[0]!.publicKey)(message, signature), false);
});

Deno.test("makeVerifier() alone would accept forgeries for a weak key", () => {
  const accepted = REFUSED.filter(({ publicKey, payload, secret }) => {
    const parts = parseSignedPayload(payload, secret);
    return parts !== null && makeVerifier(publicKey)(parts.message, parts.signature);
  });
  assert.ok(accepted.length > 0);
  for (const { publicKey, name } of accepted) assert.equal(isWeakPublicKey(publicKey), true, name);
});

Deno.test("isWeakPublicKey() finds every key of the published list", () => {
  assert.equal(WEAK_KEYS.length, 10);
  for (const key of WEAK_KEYS) assert.equal(isWeakPublicKey(key), true, noble.etc.bytesToHex(key));
});

Deno.test("isWeakPublicKey() finds all eight points of small order", () => {
  const order8 = noble.Point.fromBytes(WEAK_KEYS.find((key) => key[0] === 0xc7)!);
  const encodings = new Set<string>();
  let point = order8;
  for (let multiple = 1; multiple <= 8; multiple++, point = point.add(order8)) {
    assert.equal(point.isSmallOrder(), true);
    encodings.add(point.toHex());
    assert.equal(isWeakPublicKey(point.toBytes()), true, `${multiple} times the point of order 8`);
  }
  assert.equal(encodings.size, 8);
});

Deno.test("isWeakPublicKey() finds every encoding of y not below the field prime", () => {
  for (let y = FIELD_PRIME; y < 2n ** 255n; y++) {
    for (const sign of [0, 1] as const) assert.equal(isWeakPublicKey(encode(y, sign)), true, String(y));
  }
});

Deno.test("isWeakPublicKey() finds points of small order with either sign, and not their neighbours", () => {
  for (const y of [0n, 1n, FIELD_PRIME - 1n]) {
    for (const sign of [0, 1] as const) assert.equal(isWeakPublicKey(encode(y, sign)), true, String(y));
  }
  for (const y of [2n, 3n, FIELD_PRIME - 2n, 2n ** 254n]) {
    for (const sign of [0, 1] as const) assert.equal(isWeakPublicKey(encode(y, sign)), false, String(y));
  }
});

Deno.test("isPoint() tells what can be verified by from half of all bytes", () => {
  let points = 0;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: KEY_LENGTH, maxLength: KEY_LENGTH }), (bytes) => {
      const isValid = isReferencePoint(bytes);
      if (!isWeakPublicKey(bytes)) assert.equal(isPoint(bytes), isValid);
      if (!isPoint(bytes)) return;
      points++;
      assert.equal(makeVerifier(bytes)(bytes, new Uint8Array(SIGNATURE_LENGTH)), false);
    }),
    { numRuns: 200 },
  );
  assert.ok(points > 50 && points < 150, `${points}`);
  for (const { publicKey } of ACCEPTED) assert.equal(isPoint(publicKey), true);
});

function isReferencePoint(bytes: Uint8Array): boolean {
  try {
    noble.Point.fromBytes(bytes);
    return true;
  } catch {
    return false;
  }
}
