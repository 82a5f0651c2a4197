import { createHash } from "node:crypto";
import { SIGNED_PAYLOAD_LENGTH } from "./ed25519.ts";

/** Names what is digested, so that the digest is good for nothing else. */
const DOMAIN = new TextEncoder().encode("ipipou key hint 1");
/** A hint is good for so many seconds, so that nobody can follow a client by it. */
const EPOCH_SECONDS = 256;
/** Bytes of a hint: the second half of the salt. */
export const HINT_LENGTH = 2;
/** Where in a payload in the signed form the hint is. */
const HINT_OFFSET = SIGNED_PAYLOAD_LENGTH - HINT_LENGTH;

/** The span of time a hint is good for, as a number. @param timestamp Unix seconds */
export function epochOf(timestamp: number): number {
  return Math.floor(timestamp / EPOCH_SECONDS);
}

/**
 * Tells a server which key a packet is signed with: 16 bits. Without the shared secret it looks like random bytes,
 * and proves nothing to anyone.
 */
export function keyHint(publicKey: Uint8Array, secret: string, epoch: number): number {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(epoch));
  // All before the secret has a fixed length, so no two inputs are digested alike.
  const digest = createHash("sha256").update(DOMAIN).update(publicKey).update(time).update(secret).digest();
  return digest.readUInt16BE(0);
}

/** The hint in a payload in the signed form; random where the sender gives none, as version 0.1. */
export function hintIn(payload: Uint8Array): number {
  return payload[HINT_OFFSET]! << 8 | payload[HINT_OFFSET + 1]!;
}
