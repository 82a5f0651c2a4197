import { Buffer } from "node:buffer";
import { SIGNATURE_LENGTH, signMessage } from "./keys.ts";

/** Length in bytes of the time: Unix seconds, big-endian. */
const TIME_LENGTH = 5;
/** Length in bytes of the salt. */
export const SALT_LENGTH = 4;
/** Length in bytes of a signed payload: signature, time, salt. The signature covers time, salt and shared secret. */
export const SIGNED_PAYLOAD_LENGTH = SIGNATURE_LENGTH + TIME_LENGTH + SALT_LENGTH;

/** The parts of a signed payload. */
interface SignedPayload {
  readonly signature: Uint8Array;
  /** What the signature covers: time, salt, any trailing bytes, then the secret. */
  readonly message: Uint8Array;
}

/** Makes a signed payload of 73 bytes. @param privateKey 32-byte seed @param timestamp Unix seconds */
export function makeSignedPayload(
  privateKey: Uint8Array,
  secret: string,
  timestamp: number,
  salt: Uint8Array,
): Uint8Array {
  const payload = new Uint8Array(SIGNED_PAYLOAD_LENGTH);
  Buffer.from(payload.buffer).writeUIntBE(timestamp, SIGNATURE_LENGTH, TIME_LENGTH);
  payload.set(salt, SIGNATURE_LENGTH + TIME_LENGTH);
  payload.set(signMessage(withSecret(payload, secret), privateKey), 0);
  return payload;
}

/** Splits a signed payload; null when it is too short to be one. */
export function parseSignedPayload(payload: Uint8Array, secret: string): SignedPayload | null {
  if (payload.length < SIGNED_PAYLOAD_LENGTH) return null;
  return { signature: payload.slice(0, SIGNATURE_LENGTH), message: withSecret(payload, secret) };
}

/** The time in a signed payload, Unix seconds. Trust it only after verifying the signature. */
export function signedTime(payload: Uint8Array): number {
  const { buffer, byteOffset, byteLength } = payload;
  return Buffer.from(buffer, byteOffset, byteLength).readUIntBE(SIGNATURE_LENGTH, TIME_LENGTH);
}

/** The salt in a signed payload. */
export function saltOf(payload: Uint8Array): Uint8Array {
  return payload.subarray(SIGNATURE_LENGTH + TIME_LENGTH, SIGNED_PAYLOAD_LENGTH);
}

/**
 * Tells whether the time in a signed payload is close enough to ours.
 *
 * @param timestamp our Unix time in seconds
 * @param maxTimeDiscrepancy seconds it may differ; 0: any time is accepted
 */
export function isTimely(payload: Uint8Array, timestamp: number, maxTimeDiscrepancy: number): boolean {
  return maxTimeDiscrepancy === 0 || Math.abs(signedTime(payload) - timestamp) <= maxTimeDiscrepancy;
}

function withSecret(payload: Uint8Array, secret: string): Uint8Array {
  return Buffer.concat([payload.subarray(SIGNATURE_LENGTH), Buffer.from(secret)]);
}
