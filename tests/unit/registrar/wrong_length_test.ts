import assert from "node:assert/strict";
import { explainWrongLength } from "../../../lib/registrar/wrong_length.ts";
import { ACCEPTED, ed25519 } from "../auth/vectors.ts";
import { samplePeer } from "../samples.ts";

const TOKEN = samplePeer({ scheme: { kind: "token", token: new Uint8Array(31) } });
const KEY = samplePeer({ scheme: ed25519({ remotePublicKey: ACCEPTED[0]!.publicKey, secret: "s" }) });
const cure = "if it is a client of yours, let both sides authenticate in the same way";

Deno.test("explainWrongLength() guesses how the sender authenticates, and says what is asked for", () => {
  assert.equal(
    explainWrongLength(0, [KEY]),
    `it is empty, as of a client that has neither key nor token; a key is what this server asks for: ${cure}`,
  );
  assert.match(explainWrongLength(1, [KEY]), /^it has 1 byte, as of a client that has a token, /);
  for (const length of [73, 79]) {
    assert.match(
      explainWrongLength(length, [TOKEN]),
      /^it has 7[39] bytes, as of a client that has a key; a token is/,
    );
  }
  assert.match(
    explainWrongLength(6, [TOKEN, KEY, TOKEN]),
    /^it has 6 bytes, as of a client that has a token, if it is an auth packet at all; a token or a key is what/,
  );
});

Deno.test("explainWrongLength() does not tell the length of a token", () => {
  assert.doesNotMatch(explainWrongLength(6, [TOKEN]), /31/);
});
