import { createHmac } from "node:crypto";
import { extensionOf, layOut, makeSignedPayload, SALT_LENGTH } from "./ed25519.ts";
import { makeExtension, parseExtension } from "./extension.ts";
import { publicKeyOf, SIGNATURE_LENGTH } from "./keys.ts";
import { areEqual, makeProof } from "./proof.ts";
import { type Scheme, unlikeInnerPacket } from "./scheme.ts";

/** What a server tells its clients unasked. */
export type News = "stops" | "starts";

/** Separates this code from any other use of the same key. */
const DOMAIN = new TextEncoder().encode("ipipou server news 1");

/**
 * Makes the payload of a server's news: in the signed form, with an extension. A server without a key has an HMAC in
 * place of the signature, by what both sides know. Unlike the replies of such a server it does not depend on a packet
 * that was received, so nothing of that need be kept for a restart.
 *
 * @param timestamp Unix seconds
 * @param randomBytes returns that many random bytes
 */
export function makeNewsPayload(
  scheme: Scheme,
  news: News,
  timestamp: number,
  randomBytes: (length: number) => Uint8Array,
): Uint8Array {
  const extension = makeExtension(`server ${news}`);
  if (scheme.kind === "ed25519" && scheme.privateKey !== null) {
    const { privateKey, secret } = scheme;
    return unlikeInnerPacket(() =>
      makeSignedPayload(privateKey, secret, timestamp, randomBytes(SALT_LENGTH), extension)
    );
  }
  const key = sharedKey(scheme);
  return unlikeInnerPacket(() => {
    const payload = layOut(timestamp, randomBytes(SALT_LENGTH), extension);
    payload.set(codeOf(payload, key));
    return payload;
  });
}

/** Equal exactly where two peers may be told the same news by the same payload; null: each needs its own. */
export function newsGroup(scheme: Scheme): string | null {
  if (scheme.kind !== "ed25519" || scheme.privateKey === null) return null;
  return `${scheme.privateKey.toBase64()} ${scheme.secret}`;
}

/** Reads a payload that a server may have sent as news; null: it proves none. */
export type NewsReader = (payload: Uint8Array) => News | null;

/** Makes a client's reader of news: signed where the server's public key is known, else with the HMAC. */
export function makeNewsReader(scheme: Scheme): NewsReader {
  const isProved = makeCheck(scheme);
  return (payload) => {
    const said = parseExtension(extensionOf(payload));
    const news = said?.has("server stops") ? "stops" : said?.has("server starts") ? "starts" : null;
    return news === null || !isProved(payload) ? null : news;
  };
}

function makeCheck(scheme: Scheme): (payload: Uint8Array) => boolean {
  if (scheme.kind === "ed25519" && scheme.remotePublicKey !== null) return makeProof(scheme).verify;
  const key = sharedKey(scheme);
  return (payload) => areEqual(payload.subarray(0, SIGNATURE_LENGTH), codeOf(payload, key));
}

/** What server and client both know: the client's public key, which no packet shows, and the secret; or the token. */
export function sharedKey(scheme: Scheme): Uint8Array {
  switch (scheme.kind) {
    case "port":
      return new Uint8Array();
    case "token":
      return scheme.token;
    case "ed25519": {
      const { privateKey, remotePublicKey, secret } = scheme;
      const publicKey = privateKey === null ? remotePublicKey! : publicKeyOf(privateKey);
      return Uint8Array.of(...publicKey, ...new TextEncoder().encode(secret));
    }
  }
}

/** The HMAC-SHA512 of what follows the room for it, which is as long as a signature. */
function codeOf(payload: Uint8Array, key: Uint8Array): Uint8Array {
  const mac = createHmac("sha512", key).update(DOMAIN).update(payload.subarray(SIGNATURE_LENGTH)).digest();
  return new Uint8Array(mac);
}
