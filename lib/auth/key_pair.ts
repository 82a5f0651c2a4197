import { createHash } from "node:crypto";
import { getPublicKey, hashes } from "@noble/ed25519";

hashes.sha512 = (message: Uint8Array) => new Uint8Array(createHash("sha512").update(message).digest());

/** An ed25519 key pair, 32 bytes each. */
export interface KeyPair {
  readonly privateKey: Uint8Array<ArrayBuffer>;
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** Makes the key pair of a random 32-byte `seed`. */
export function keyPairOf(seed: Uint8Array<ArrayBuffer>): KeyPair {
  return { privateKey: seed, publicKey: new Uint8Array(getPublicKey(seed)) };
}
