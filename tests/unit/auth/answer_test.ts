import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { makeAnswerPayload, readAnswer } from "../../../lib/auth/answer.ts";
import { makeVerifier, SIGNATURE_LENGTH } from "../../../lib/auth/keys.ts";
import { makeProof } from "../../../lib/auth/proof.ts";
import {
  looksLikeInnerPacket,
  makeAuthPayload,
  makeQuestionPayload,
  type Scheme,
} from "../../../lib/auth/scheme.ts";
import { ACCEPTED, ed25519, README_KEY_PAIR, STATEMENTS } from "./vectors.ts";

const NOW = 1_795_219_200;
const secret = "topsecret";
const { privateKey, publicKey } = README_KEY_PAIR;
const SERVER_KEYS = ACCEPTED[0]!;
const SEEN = { ip: "198.51.100.2", port: 40_001 };

/** What server and client have. */
const KEYED = {
  server: ed25519({ secret, remotePublicKey: publicKey, privateKey: SERVER_KEYS.privateKey }),
  client: ed25519({ secret, privateKey, remotePublicKey: SERVER_KEYS.publicKey }),
};
const KEYLESS = {
  server: ed25519({ secret, remotePublicKey: publicKey }),
  client: ed25519({ secret, privateKey }),
};

/** Counts up: 7, 8, 9 … */
function countUp(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 7 + index);
}

let count = 0;
function salt(length: number): Uint8Array {
  return new Uint8Array(length).fill(++count);
}

function question(scheme: Scheme): Uint8Array {
  return makeQuestionPayload(scheme, NOW, salt)!;
}

Deno.test("makeQuestionPayload() makes what the server knows by its key, and what no earlier server takes", () => {
  const payload = question(KEYED.client);
  assert.equal(payload.length, 79);
  assert.ok(makeProof(KEYED.server).verify(payload));
  assert.ok(!makeProof(ed25519({ secret: "another", remotePublicKey: publicKey })).verify(payload));
  // As version 0.1 verifies, and this program before there were questions: whatever follows the salt is signed.
  const verify = makeVerifier(publicKey);
  const isTaken = (bytes: Uint8Array) =>
    verify(
      Buffer.concat([bytes.subarray(SIGNATURE_LENGTH), Buffer.from(secret)]),
      bytes.subarray(0, SIGNATURE_LENGTH),
    );
  assert.ok(isTaken(makeAuthPayload(KEYED.client, NOW, salt)));
  for (const end of [[], [0xff], [...Buffer.from(secret)], [...Buffer.from(secret), 0xff]]) {
    assert.ok(!isTaken(Uint8Array.of(...payload, ...end)), `followed by ${end}`);
  }
  for (const scheme of [{ kind: "port" }, { kind: "token", token: Uint8Array.of(1) }] as const) {
    assert.equal(makeQuestionPayload(scheme, NOW, salt), null);
  }
});

for (const [name, { server, client }] of Object.entries({ "with a key": KEYED, "without a key": KEYLESS })) {
  Deno.test(`readAnswer() reads what a server ${name} answers to a question, and nothing else`, () => {
    const asked = question(client);
    const payload = makeAnswerPayload(server, asked, SEEN, NOW, salt);
    assert.ok(payload.length <= asked.length * 1.1, `${payload.length} bytes`);
    assert.ok(!looksLikeInnerPacket(payload));
    assert.deepEqual(readAnswer(client, payload, asked), SEEN);
    for (const index of payload.keys()) {
      const changed = payload.with(index, payload[index]! ^ 1);
      assert.equal(readAnswer(client, changed, asked), null, `byte ${index}`);
    }
    for (const length of [0, 73, 79, 84]) {
      assert.equal(readAnswer(client, payload.slice(0, length), asked), null, `${length} bytes`);
    }
    assert.equal(readAnswer(client, Uint8Array.of(...payload, 0), asked), null);
    assert.equal(readAnswer(client, payload, question(client)), null, "to another question");
    // NATs are known to rewrite it.
    assert.ok(!payload.toHex().includes(Uint8Array.of(198, 51, 100, 2).toHex()));
  });
}

Deno.test("readAnswer() takes no answer of a server with another key or secret, or none where one is known", () => {
  const [theirs, stranger] = [SERVER_KEYS.privateKey, ACCEPTED[1]!];
  const others: Record<string, [Parameters<typeof ed25519>[0], Scheme]> = {
    "another key": [{ remotePublicKey: publicKey, privateKey: stranger.privateKey }, KEYED.client],
    "another secret": [{ remotePublicKey: publicKey, privateKey: theirs, secret: "another" }, KEYED.client],
    "another secret, no key": [{ remotePublicKey: publicKey, secret: "another" }, KEYLESS.client],
    "another client's": [{ remotePublicKey: stranger.publicKey }, KEYLESS.client],
    "no key": [{ remotePublicKey: publicKey }, KEYED.client],
    "an unknown key": [{ remotePublicKey: publicKey, privateKey: theirs }, KEYLESS.client],
  };
  for (const [name, [fields, client]] of Object.entries(others)) {
    const asked = question(client);
    const payload = makeAnswerPayload(ed25519({ secret, ...fields }), asked, SEEN, NOW, salt);
    assert.equal(readAnswer(client, payload, asked), null, name);
  }
});

Deno.test("makeQuestionPayload() and makeAnswerPayload() make the same bytes as other programs do", () => {
  const { question, answers } = STATEMENTS;
  assert.equal(makeQuestionPayload(KEYED.client, NOW, countUp)!.toHex(), question.toHex());
  for (const [server, answer] of [[KEYED.server, answers.signed], [KEYLESS.server, answers.hmac]] as const) {
    assert.equal(makeAnswerPayload(server, question, SEEN, NOW, countUp).toHex(), answer.toHex());
  }
});

Deno.test("makeAnswerPayload() picks another salt when the packet would look like tunnelled data", () => {
  // The first salt with such an HMAC.
  const unlucky = Uint8Array.of(0x00, 0x00, 0x7f, 0x90);
  const salts = [unlucky, countUp(4)];
  const payload = makeAnswerPayload(KEYLESS.server, STATEMENTS.question, SEEN, NOW, () => salts.shift()!);
  assert.deepEqual([salts.length, looksLikeInnerPacket(payload)], [0, false]);
  assert.deepEqual(payload, STATEMENTS.answers.hmac);
});

Deno.test("makeAnswerPayload() tells any place, and proves nothing of a client that has the server's key", () => {
  const { verify } = makeProof(ed25519({ secret, remotePublicKey: SERVER_KEYS.publicKey }));
  const domain = new TextEncoder().encode("ipipou answer 1");
  const place = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 65_535 })).map(([ip, port]) => ({ ip, port }));
  fc.assert(
    fc.property(place, (seen) => {
      const asked = question(KEYED.client);
      const payload = makeAnswerPayload(KEYED.server, asked, seen, NOW, salt);
      assert.deepEqual(readAnswer(KEYED.client, payload, asked), seen);
      assert.ok(!verify(payload));
      const [signature, said] = [payload.subarray(0, SIGNATURE_LENGTH), payload.subarray(SIGNATURE_LENGTH)];
      assert.ok(!verify(Uint8Array.of(...signature, ...domain, ...said, ...asked)), "all that is signed");
    }),
    { numRuns: 50 },
  );
});
