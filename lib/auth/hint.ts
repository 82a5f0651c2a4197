import { createHash } from "node:crypto";
import { SIGNED_PAYLOAD_LENGTH } from "./ed25519.ts";

/** Separates this digest from any other use of the same input. */
const DOMAIN = new TextEncoder().encode("ipipou key hint 1");
/** Seconds after which a hint changes, so that it cannot be used to track a client. */
export const EPOCH_SECONDS = 256;
/** Length in bytes of a hint: the second half of the salt. */
export const HINT_LENGTH = 2;
/** Offset of the hint in a signed payload. */
const HINT_OFFSET = SIGNED_PAYLOAD_LENGTH - HINT_LENGTH;

/** Number of the period a hint is valid in. @param timestamp Unix seconds */
export function epochOf(timestamp: number): number {
  return Math.floor(timestamp / EPOCH_SECONDS);
}

/**
 * 16 bits that tell a server which key a packet is probably signed with. Without the shared secret they look random.
 * They prove nothing.
 */
export function keyHint(publicKey: Uint8Array, secret: string, epoch: number): number {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(epoch));
  // Everything before the secret has a fixed length, so no two inputs give the same byte string.
  const digest = createHash("sha256").update(DOMAIN).update(publicKey).update(time).update(secret).digest();
  return digest.readUInt16BE(0);
}

/** The hint in a signed payload; random bits if the sender is version 0.1, which gives none. */
export function hintIn(payload: Uint8Array): number {
  return payload[HINT_OFFSET]! << 8 | payload[HINT_OFFSET + 1]!;
}
