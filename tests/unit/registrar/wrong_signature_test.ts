import assert from "node:assert/strict";
import { keyPairOf } from "../../../lib/auth/key_pair.ts";
import { makeAuthPayload } from "../../../lib/auth/scheme.ts";
import { explainWrongSignature } from "../../../lib/registrar/wrong_signature.ts";
import { DEFAULT_SECRET } from "../../../lib/settings/option.ts";
import { ed25519 } from "../auth/vectors.ts";
import { samplePeer } from "../samples.ts";

const UNIX = 1_795_219_200;
const CLOCK = { now: () => 0, unixTime: () => UNIX };
const [OFFICE, HOME, STRANGER] = [1, 2, 3].map((seed) => keyPairOf(new Uint8Array(32).fill(seed)));
const random = (length: number) => new Uint8Array(length).fill(7);

function payloadOf(privateKey: Uint8Array<ArrayBuffer>, secret: string): Uint8Array {
  return makeAuthPayload(ed25519({ privateKey, secret }), UNIX, random);
}

function peer(name: string, remotePublicKey: Uint8Array<ArrayBuffer>, secret: string) {
  return samplePeer({ name, scheme: ed25519({ remotePublicKey, secret }) });
}

const PEERS = [peer("office", OFFICE!.publicKey, "s"), peer("home", HOME!.publicKey, "t")];
const explain = (payload: Uint8Array, peers = PEERS, admissions = new Map()) =>
  explainWrongSignature(payload, peers, admissions, CLOCK);

Deno.test("explainWrongSignature() tells a known key with another secret, where that is one of ours", () => {
  const cure = ": give both sides the same auth.secret-file";
  assert.equal(
    explain(payloadOf(HOME!.privateKey, DEFAULT_SECRET)),
    `it has the key of home, but the default secret${cure}`,
  );
  assert.equal(
    explain(payloadOf(OFFICE!.privateKey, "t")),
    `it has the key of office, but the secret of another peer${cure}`,
  );
});

Deno.test("explainWrongSignature() tells a private key that was given as the public one, or the public one as private", () => {
  // Half of all private keys can pass for a public one.
  const [client] = [1, 3].map((seed) => keyPairOf(new Uint8Array(32).fill(seed)));
  const words = explain(payloadOf(client!.privateKey, "s"), [
    ...PEERS,
    peer("pasted", client!.privateKey, "s"),
  ]);
  assert.match(
    words,
    /^it is signed with what is given here as the public key of pasted: either the client's auth.key-file has that /,
  );
  assert.match(words, /needs the first line of --auth-keygen; or what is given here is its private key: /);
  assert.ok(!words.includes(client!.privateKey.toBase64()));
  const reversed = [peer("reversed", OFFICE!.publicKey, "s")];
  assert.match(
    explain(payloadOf(OFFICE!.publicKey, "s"), reversed),
    /^it is signed with .* of reversed: either/,
  );
});

Deno.test("explainWrongSignature() tells a packet that was changed on its way", () => {
  const payload = payloadOf(OFFICE!.privateKey, "s");
  payload[3]! ^= 1;
  assert.match(explain(payload), /^it names the key and secret of office, but does not fit them: changed/);
});

Deno.test("explainWrongSignature() names a few candidates where nothing can be told, those first that are not in", () => {
  const admitted = { remote: { ip: "192.0.2.7", port: 1 }, port: 1, expiresAt: null };
  const payload = payloadOf(STRANGER!.privateKey, "s");
  assert.match(
    explain(payload, PEERS, new Map([["office", admitted]])),
    /^neither key nor secret can be told; if it is a client of yours \(home, office\), compare its public key /,
  );
  const many = Array.from({ length: 500 }, (_, index) => peer(`p${index}`, OFFICE!.publicKey, `${index}`));
  assert.match(explain(payload, many), / \(p0, p1, p2 and 497 more\), /);
});
