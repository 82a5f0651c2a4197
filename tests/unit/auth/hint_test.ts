import assert from "node:assert/strict";
import { epochOf, hintIn, keyHint } from "../../../lib/auth/hint.ts";
import { ACCEPTED, README_KEY_PAIR } from "./vectors.ts";

const { publicKey } = README_KEY_PAIR;

Deno.test("keyHint() is the documented digest", () => {
  // The first bytes of Python's hashlib.sha256(b"ipipou key hint 1" + key + (7).to_bytes(8) + b"topsecret").
  assert.equal(keyHint(publicKey, "topsecret", 7), 0x93da);
});

Deno.test("keyHint() differs by key, secret and epoch", () => {
  const hints = [
    keyHint(publicKey, "topsecret", 7),
    keyHint(publicKey, "topsecret", 8),
    keyHint(publicKey, "topsecre", 7),
    keyHint(ACCEPTED[0]!.publicKey, "topsecret", 7),
  ];
  assert.equal(new Set(hints).size, 4);
  for (const hint of hints) assert.ok(Number.isInteger(hint) && hint >= 0 && hint < 2 ** 16);
});

Deno.test("keyHint() accepts any time a packet can carry", () => {
  assert.ok(keyHint(publicKey, "", epochOf(2 ** 40 - 1)) >= 0);
});

Deno.test("epochOf() changes every 256 seconds", () => {
  assert.deepEqual([0, 255, 256, 2 ** 40 - 1].map(epochOf), [0, 0, 1, 2 ** 32 - 1]);
});

Deno.test("hintIn() reads the last two bytes of the salt, whatever follows", () => {
  const payload = new Uint8Array(80);
  payload.set([1, 2, 0xab, 0xcd, 5], 69);
  assert.equal(hintIn(payload), 0xabcd);
});
