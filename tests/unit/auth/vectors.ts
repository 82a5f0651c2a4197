import { Buffer } from "node:buffer";
import vectors from "./vectors.json" with { type: "json" };
import type { Scheme } from "../../../lib/auth/scheme.ts";

/** Decodes hexadecimal text. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** Decodes base64 text. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** Auth packets made by an independent library. */
export const ACCEPTED = vectors.accept.map((vector) => ({
  ...vector,
  privateKey: fromBase64(vector.private_key_b64),
  publicKey: fromBase64(vector.public_key_b64),
  salt: fromHex(vector.salt_hex),
  trailing: fromHex(vector.trailing_hex),
  payload: fromHex(vector.payload_hex),
}));

/** Payloads that every verifier must reject. */
export const REFUSED = vectors.refuse.map((vector) => ({
  ...vector,
  publicKey: fromBase64(vector.public_key_b64),
  payload: fromHex(vector.payload_hex),
}));

/** Public keys for which anyone can forge signatures, or that no key generator makes. */
export const WEAK_KEYS = vectors.small_order_or_non_canonical_public_keys_hex.map(fromHex);

/** An auth packet, and the same reversed. */
export const REPLY = {
  received: fromHex(vectors.reply.received_hex),
  reply: fromHex(vectors.reply.reply_hex),
};

const { answer_hex: answers, news_hex: news } = vectors.statements;

/** A question, the answers to it, and news, each with a signature or an HMAC in front, made without this program. */
export const STATEMENTS = {
  question: fromHex(vectors.statements.question_hex),
  answers: { signed: fromHex(answers.signed), hmac: fromHex(answers.hmac) },
  news: {
    signed: { stops: fromHex(news.signed.stops), starts: fromHex(news.signed.starts) },
    hmac: { stops: fromHex(news.hmac.stops), starts: fromHex(news.hmac.starts) },
    token: { stops: fromHex(news.token.stops), starts: fromHex(news.token.starts) },
  },
};

/** The key pair in version 0.1's documentation. */
export const README_KEY_PAIR = {
  privateKey: fromBase64(vectors.readme_key_pair.private_key_b64),
  publicKey: fromBase64(vectors.readme_key_pair.public_key_b64),
};

/** An ed25519 scheme, empty except for `fields`. */
export function ed25519(fields: Partial<Extract<Scheme, { kind: "ed25519" }>>): Scheme {
  return { kind: "ed25519", privateKey: null, remotePublicKey: null, secret: "", ...fields };
}
