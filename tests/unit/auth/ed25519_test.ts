import assert from "node:assert/strict";
import fc from "fast-check";
import {
  makeSignedPayload,
  parseSignedPayload,
  SALT_LENGTH,
  SIGNED_PAYLOAD_LENGTH,
  signedTime,
} from "../../../lib/auth/ed25519.ts";
import { ACCEPTED } from "./vectors.ts";

const { privateKey, payload: SAMPLE } = ACCEPTED[1]!;

Deno.test("makeSignedPayload() matches an independent library byte for byte", () => {
  const plain = ACCEPTED.filter(({ trailing }) => trailing.length === 0);
  assert.equal(plain.length, 6);
  for (const { privateKey, secret, timestamp, salt, payload } of plain) {
    assert.deepEqual(makeSignedPayload(privateKey, secret, timestamp, salt), payload, `time ${timestamp}`);
  }
});

Deno.test("makeSignedPayload() writes the time as five bytes, big-endian", () => {
  const cases = [
    [0, [0, 0, 0, 0, 0]],
    [1_795_219_200, [0x00, 0x6b, 0x00, 0xdf, 0x00]],
    [2 ** 32 - 1, [0x00, 0xff, 0xff, 0xff, 0xff]],
    [2 ** 32, [0x01, 0, 0, 0, 0]],
    [0x12_3456_789a, [0x12, 0x34, 0x56, 0x78, 0x9a]],
    [2 ** 40 - 1, [0xff, 0xff, 0xff, 0xff, 0xff]],
  ] as const;
  for (const [timestamp, bytes] of cases) {
    const payload = makeSignedPayload(privateKey, "s", timestamp, new Uint8Array(SALT_LENGTH));
    assert.deepEqual([...payload.slice(64, 69)], bytes, String(timestamp));
  }
});

Deno.test("makeSignedPayload() returns 73 bytes ending in the salt, whatever the secret", () => {
  const payload = makeSignedPayload(privateKey, "x".repeat(500), 0, new Uint8Array([1, 2, 3, 4]));
  assert.deepEqual([payload.length, SIGNED_PAYLOAD_LENGTH], [73, 73]);
  assert.deepEqual([...payload.slice(-4)], [1, 2, 3, 4]);
});

Deno.test("parseSignedPayload() splits the vectors", () => {
  for (const { payload, secret, timestamp, salt, trailing } of ACCEPTED) {
    const parts = parseSignedPayload(payload, secret);
    assert.ok(parts !== null);
    assert.equal(signedTime(payload), timestamp);
    assert.deepEqual(parts.signature, payload.slice(0, 64));
    const tail = [...salt, ...trailing, ...new TextEncoder().encode(secret)];
    assert.deepEqual([...parts.message], [...payload.slice(64, 69), ...tail]);
  }
});

Deno.test("signedTime() returns the time that was signed", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 40 - 1 }), fc.string(), (timestamp, secret) => {
      const payload = makeSignedPayload(privateKey, secret, timestamp, new Uint8Array(SALT_LENGTH));
      assert.equal(signedTime(payload), timestamp);
    }),
    { numRuns: 20 },
  );
});

Deno.test("parseSignedPayload() rejects anything shorter than 73 bytes", () => {
  for (let length = 0; length < SIGNED_PAYLOAD_LENGTH; length++) {
    assert.equal(parseSignedPayload(SAMPLE.slice(0, length), "topsecret"), null, `${length} bytes`);
  }
  assert.notEqual(parseSignedPayload(SAMPLE, "topsecret"), null);
});

Deno.test("parseSignedPayload() reads a view into a larger buffer", () => {
  const buffer = new Uint8Array([9, 9, ...SAMPLE, 9]);
  const view = buffer.subarray(2, 2 + SAMPLE.length);
  assert.deepEqual(parseSignedPayload(view, "topsecret"), parseSignedPayload(SAMPLE, "topsecret"));
});
