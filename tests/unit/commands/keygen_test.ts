import assert from "node:assert/strict";
import { keyPairOf } from "../../../lib/auth/key_pair.ts";
import { keygen } from "../../../lib/commands/keygen.ts";
import { fromBase64 } from "../auth/vectors.ts";

const BASE64_KEY = "[A-Za-z0-9+/]{43}=";

Deno.test("keygen() prints the private key, then its public key, one per line", () => {
  const text = keygen(false);
  assert.match(text, new RegExp(`^${BASE64_KEY}\n${BASE64_KEY}\n$`));
  const [privateKey, publicKey] = text.split("\n").map(fromBase64);
  assert.deepEqual(keyPairOf(privateKey!).publicKey, publicKey);
});

Deno.test("keygen() labels the lines when asked to", () => {
  assert.match(keygen(true), new RegExp(`^Private key: ${BASE64_KEY}\nPublic key: ${BASE64_KEY}\n$`));
});

Deno.test("keygen() makes a different pair each time", () => {
  assert.equal(new Set(Array.from({ length: 10 }, () => keygen(false))).size, 10);
});
