import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** Length in bytes of a private key (the seed) and of a public key, see RFC 8032. */
export const KEY_LENGTH = 32;
/** Length in bytes of a signature. */
export const SIGNATURE_LENGTH = 64;

/** What comes before the seed in a PKCS #8 private key, see RFC 8410. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

/** The public key, 32 bytes, of the 32-byte seed `privateKey`. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array<ArrayBuffer> {
  const { x } = createPublicKey(importPrivateKey(privateKey)).export({ format: "jwk" });
  return Uint8Array.fromBase64(x!, { alphabet: "base64url" });
}

/** Signs `message` with the 32-byte seed `privateKey`. @returns 64 bytes */
export function signMessage(message: Uint8Array, privateKey: Uint8Array): Uint8Array {
  return sign(null, message, importPrivateKey(privateKey));
}

function importPrivateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: "der", type: "pkcs8" });
}

/**
 * Makes a function that tells whether a 64-byte signature of a message was made with the private half of
 * `publicKey`, a point of the curve. Strangers decide how often it runs: the runtime's native ed25519 is twenty times as
 * fast as JavaScript. Weak keys must be rejected beforehand (`isWeakPublicKey`).
 */
export function makeVerifier(
  publicKey: Uint8Array,
): (message: Uint8Array, signature: Uint8Array) => boolean {
  const key = importKey(publicKey);
  return (message, signature) => verify(null, message, key, signature);
}

/** Tells whether 32 bytes are a point of the curve. Half of all are not, and so are no key pair's public key. */
export function isPoint(publicKey: Uint8Array): boolean {
  try {
    importKey(publicKey);
    return true;
  } catch {
    return false;
  }
}

function importKey(publicKey: Uint8Array) {
  const x = publicKey.toBase64({ alphabet: "base64url", omitPadding: true });
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

const FIELD_PRIME = 2n ** 255n - 19n;
const SIGN_BIT = 1n << 255n;

/** The y coordinates of the eight points of small order (curve of RFC 8032, cofactor 8). */
const SMALL_ORDER_Y = new Set([
  0n,
  1n,
  FIELD_PRIME - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

/**
 * Tells whether a 32-byte public key must not be trusted: a point of small order, for which anyone can forge
 * signatures, or a non-canonical encoding (y >= 2^255 - 19), which no key generator makes.
 */
export function isWeakPublicKey(publicKey: Uint8Array): boolean {
  const y = BigInt(`0x${publicKey.toReversed().toHex()}`) & (SIGN_BIT - 1n);
  return y >= FIELD_PRIME || SMALL_ORDER_Y.has(y);
}
