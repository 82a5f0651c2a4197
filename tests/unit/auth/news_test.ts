import assert from "node:assert/strict";
import { makeSignedPayload } from "../../../lib/auth/ed25519.ts";
import { makeExtension } from "../../../lib/auth/extension.ts";
import { makeNewsPayload, makeNewsReader, newsGroup } from "../../../lib/auth/news.ts";
import { makeProof, makeReplyVerifier } from "../../../lib/auth/proof.ts";
import { looksLikeInnerPacket, makeReplyPayload, type Scheme } from "../../../lib/auth/scheme.ts";
import { ACCEPTED, ed25519, README_KEY_PAIR, STATEMENTS } from "./vectors.ts";

const NOW = 1_795_219_200;
const secret = "topsecret";
const { privateKey, publicKey } = README_KEY_PAIR;
const SERVER_KEYS = ACCEPTED[0]!;
const TOKEN: Scheme = { kind: "token", token: new TextEncoder().encode("open sesame") };

/** What server and client have of each scheme. */
const PAIRS: Record<string, { server: Scheme; client: Scheme }> = {
  "a server with a key": {
    server: ed25519({ secret, remotePublicKey: publicKey, privateKey: SERVER_KEYS.privateKey }),
    client: ed25519({ secret, privateKey, remotePublicKey: SERVER_KEYS.publicKey }),
  },
  "a server without a key": {
    server: ed25519({ secret, remotePublicKey: publicKey }),
    client: ed25519({ secret, privateKey }),
  },
  "a token": { server: TOKEN, client: TOKEN },
  "addresses alone": { server: { kind: "port" }, client: { kind: "port" } },
};

/** Counts up: 7, 8, 9 … */
function countUp(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 7 + index);
}

Deno.test("makeNewsPayload() makes what makeNewsReader() reads, in the signed form and one length", () => {
  for (const [name, { server, client }] of Object.entries(PAIRS)) {
    const read = makeNewsReader(client);
    for (const news of ["stops", "starts"] as const) {
      const payload = makeNewsPayload(server, news, NOW, countUp);
      assert.equal(payload.length, 79, name);
      assert.deepEqual([...payload.slice(69, 73)], [7, 8, 9, 10], name);
      assert.equal(read(payload), news, name);
      assert.equal(looksLikeInnerPacket(payload), false);
      for (const index of payload.keys()) {
        assert.equal(read(payload.with(index, payload[index]! ^ 1)), null, `${name}: byte ${index}`);
      }
      for (const length of [0, 73, 78]) assert.equal(read(payload.slice(0, length)), null, name);
      assert.equal(read(Uint8Array.of(...payload, 0)), null, name);
    }
  }
});

Deno.test("makeNewsPayload() makes the same bytes as other programs do", () => {
  const servers = {
    signed: PAIRS["a server with a key"]!.server,
    hmac: PAIRS["a server without a key"]!.server,
    token: TOKEN,
  };
  for (const [name, told] of Object.entries(STATEMENTS.news)) {
    for (const news of ["stops", "starts"] as const) {
      const payload = makeNewsPayload(servers[name as keyof typeof servers], news, NOW, countUp);
      assert.equal(payload.toHex(), told[news].toHex(), `${name}: ${news}`);
    }
  }
});

Deno.test("makeNewsReader() skips what a later version may say besides", () => {
  const { client } = PAIRS["a server with a key"]!;
  const extension = Uint8Array.of(...makeExtension("server stops"), 200, 1, 9);
  const payload = makeSignedPayload(SERVER_KEYS.privateKey, secret, NOW, countUp(4), extension);
  assert.equal(makeNewsReader(client)(payload), "stops");
});

Deno.test("makeNewsReader() takes no news of a server with another key, secret or token", () => {
  const { server, client } = PAIRS["a server with a key"]!;
  const others: [Scheme, Scheme][] = [
    [ed25519({ secret, remotePublicKey: publicKey, privateKey: ACCEPTED[1]!.privateKey }), client],
    [ed25519({ secret: "another", remotePublicKey: publicKey, privateKey: SERVER_KEYS.privateKey }), client],
    [server, PAIRS["a server without a key"]!.client],
    [PAIRS["a server without a key"]!.server, client],
    [ed25519({ secret: "another", remotePublicKey: publicKey }), PAIRS["a server without a key"]!.client],
    [ed25519({ secret, remotePublicKey: ACCEPTED[1]!.publicKey }), PAIRS["a server without a key"]!.client],
    [{ kind: "token", token: new TextEncoder().encode("open sesamE") }, TOKEN],
  ];
  for (const [index, [told, listening]] of others.entries()) {
    assert.equal(makeNewsReader(listening)(makeNewsPayload(told, "stops", NOW, countUp)), null, `${index}`);
  }
});

Deno.test("makeNewsReader() takes no reply, and makeReplyVerifier() no news", () => {
  const { server, client } = PAIRS["a server with a key"]!;
  const sent = makeSignedPayload(privateKey, secret, NOW, countUp(4));
  assert.equal(makeNewsReader(client)(makeReplyPayload(server, sent, NOW, countUp)), null);
  const news = makeNewsPayload(server, "starts", NOW, countUp);
  assert.ok(makeProof(client).verify(news), "its signature is good");
  assert.equal(makeReplyVerifier(client, 0)(news, sent, NOW), false);
});

Deno.test("newsGroup() is the same for peers that a server's one signature is for", () => {
  const { server } = PAIRS["a server with a key"]!;
  const { privateKey } = SERVER_KEYS;
  const another = ed25519({ secret, remotePublicKey: ACCEPTED[1]!.publicKey, privateKey });
  assert.equal(newsGroup(server), newsGroup(another));
  assert.notEqual(newsGroup(server), newsGroup(ed25519({ secret: "another", privateKey })));
  for (const name of ["a server without a key", "a token", "addresses alone"]) {
    assert.equal(newsGroup(PAIRS[name]!.server), null);
  }
});
