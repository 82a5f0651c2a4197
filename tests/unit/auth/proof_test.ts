import assert from "node:assert/strict";
import fc from "fast-check";
import { isTimely } from "../../../lib/auth/ed25519.ts";
import { isWeakPublicKey } from "../../../lib/auth/keys.ts";
import { bareProofId, makeProof, proofId } from "../../../lib/auth/proof.ts";
import { makeAuthPayload, type Scheme } from "../../../lib/auth/scheme.ts";
import { ACCEPTED, ed25519, README_KEY_PAIR, REFUSED } from "./vectors.ts";

const NOW = 1_795_219_200;
const PORT: Scheme = { kind: "port" };
const TOKEN: Scheme = { kind: "token", token: new TextEncoder().encode("open sesame") };
const { privateKey, publicKey } = README_KEY_PAIR;
const SIGNING = ed25519({ privateKey, secret: "topsecret" });
const VERIFYING = ed25519({ remotePublicKey: publicKey, secret: "topsecret" });

function zeros(length: number): Uint8Array {
  return new Uint8Array(length);
}

Deno.test("makeProof() accepts every packet made by an independent library", () => {
  for (const { publicKey, secret, payload, timestamp } of ACCEPTED) {
    assert.ok(
      makeProof(ed25519({ remotePublicKey: publicKey, secret })).verify(payload),
      `time ${timestamp}`,
    );
  }
});

Deno.test("makeProof() rejects every bad packet, or isWeakPublicKey() its key", () => {
  assert.ok(REFUSED.length > 30);
  for (const { name, publicKey, secret, payload } of REFUSED) {
    if (isWeakPublicKey(publicKey)) continue;
    assert.equal(makeProof(ed25519({ remotePublicKey: publicKey, secret })).verify(payload), false, name);
  }
  const weak = REFUSED.filter(({ publicKey }) => isWeakPublicKey(publicKey)).map(({ name }) => name);
  assert.equal(weak.length, 11, weak.join("\n"));
  assert.ok(weak.every((name) => / key( |$)/.test(name)));
});

Deno.test("makeProof() compares every byte of a token", () => {
  const { verify } = makeProof(TOKEN);
  const check = (text: string) => verify(new TextEncoder().encode(text));
  assert.equal(check("open sesame"), true);
  for (const text of ["Open sesame", "open sesamE", "open sesam", "open sesame\n", ""]) {
    assert.equal(check(text), false, text);
  }
});

Deno.test("makeProof() accepts only an empty packet when there is nothing to prove", () => {
  const { verify } = makeProof(PORT);
  assert.deepEqual([zeros(0), zeros(1)].map(verify), [true, false]);
});

Deno.test("makeProof() cannot verify without the peer's public key", () => {
  const message = "Cannot authenticate without the remote public key";
  assert.throws(() => makeProof(SIGNING), { name: "TypeError", message });
});

Deno.test("makeProof() rejects random bytes without throwing", () => {
  const proofs = [TOKEN, VERIFYING].map(makeProof);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 150 }), (payload) => {
    for (const { verify } of proofs) assert.equal(verify(payload), false);
  }));
});

Deno.test("proofId() is equal exactly for equal proofs", () => {
  const schemes: Scheme[] = [
    PORT,
    TOKEN,
    { kind: "token", token: new TextEncoder().encode("open sesamE") },
    VERIFYING,
    ed25519({ remotePublicKey: publicKey, secret: "another" }),
    ed25519({ remotePublicKey: ACCEPTED[0]!.publicKey, secret: "topsecret" }),
  ];
  assert.equal(new Set(schemes.map(proofId)).size, schemes.length);
  const replying = ed25519({ privateKey, remotePublicKey: publicKey, secret: "topsecret" });
  assert.equal(proofId(replying), proofId(VERIFYING));
  assert.equal(proofId(structuredClone(TOKEN)), proofId(TOKEN));
  for (const scheme of schemes) assert.equal(makeProof(scheme).id, proofId(scheme));
});

Deno.test("proofId() does not reveal a token", () => {
  assert.doesNotMatch(proofId(TOKEN), /sesame/);
});

Deno.test("bareProofId() of a payload is proofId() of the scheme it proves", () => {
  for (const scheme of [TOKEN, PORT]) {
    assert.equal(bareProofId(makeAuthPayload(scheme, NOW, zeros)), proofId(scheme));
  }
});

Deno.test("isTimely() checks the time to the second in both directions, unless the limit is 0", () => {
  const payload = makeAuthPayload(SIGNING, NOW, zeros);
  for (const ours of [NOW - 30, NOW, NOW + 30]) assert.equal(isTimely(payload, ours, 30), true);
  for (const ours of [NOW - 31, NOW + 31, 0]) assert.equal(isTimely(payload, ours, 30), false);
  for (const ours of [0, NOW + 10 ** 9]) assert.equal(isTimely(payload, ours, 0), true);
});
