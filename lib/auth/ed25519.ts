import { Buffer } from "node:buffer";
import { parseExtension } from "./extension.ts";
import { SIGNATURE_LENGTH, signMessage } from "./keys.ts";

/** Length in bytes of the time: Unix seconds, big-endian. */
const TIME_LENGTH = 5;
/** Length in bytes of the salt. */
export const SALT_LENGTH = 4;
/**
 * Length in bytes of a signed payload: signature, time, salt. An extension may follow. The signature covers time, salt,
 * extension and shared secret, and of a question {@linkcode NO_TEXT}.
 */
export const SIGNED_PAYLOAD_LENGTH = SIGNATURE_LENGTH + TIME_LENGTH + SALT_LENGTH;

/**
 * Ends what is signed where the signature must not pass for that of an auth packet. No secret ends so, as it is text, and
 * so no server that takes any signed payload for an auth packet, as those of earlier versions do, takes this one.
 */
export const NO_TEXT = Uint8Array.of(0xff);

/** The parts of a signed payload. */
interface SignedPayload {
  readonly signature: Uint8Array;
  /** What the signature covers: time, salt, any extension, the secret, and perhaps `NO_TEXT`. */
  readonly message: Uint8Array;
}

/** What follows the room for the signature: time, salt, and perhaps an extension. */
export function layOut(
  timestamp: number,
  salt: Uint8Array,
  extension: Uint8Array = new Uint8Array(),
): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(SIGNED_PAYLOAD_LENGTH + extension.length);
  Buffer.from(payload.buffer).writeUIntBE(timestamp, SIGNATURE_LENGTH, TIME_LENGTH);
  payload.set(salt, SIGNATURE_LENGTH + TIME_LENGTH);
  payload.set(extension, SIGNED_PAYLOAD_LENGTH);
  return payload;
}

/**
 * Makes a signed payload: of 73 bytes without an extension.
 *
 * @param privateKey 32-byte seed
 * @param timestamp Unix seconds
 */
export function makeSignedPayload(
  privateKey: Uint8Array,
  secret: string,
  timestamp: number,
  salt: Uint8Array,
  extension?: Uint8Array,
): Uint8Array {
  const payload = layOut(timestamp, salt, extension);
  payload.set(signMessage(messageOf(payload, secret), privateKey), 0);
  return payload;
}

/** Splits a signed payload; null when it is too short to be one. */
export function parseSignedPayload(payload: Uint8Array, secret: string): SignedPayload | null {
  if (payload.length < SIGNED_PAYLOAD_LENGTH) return null;
  return { signature: payload.slice(0, SIGNATURE_LENGTH), message: messageOf(payload, secret) };
}

/** The time in a signed payload, Unix seconds. Trust it only after verifying the signature. */
export function signedTime(payload: Uint8Array): number {
  const { buffer, byteOffset, byteLength } = payload;
  return Buffer.from(buffer, byteOffset, byteLength).readUIntBE(SIGNATURE_LENGTH, TIME_LENGTH);
}

/** What follows the salt of a signed payload: nothing, or an extension. */
export function extensionOf(payload: Uint8Array): Uint8Array {
  return payload.subarray(SIGNED_PAYLOAD_LENGTH);
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

function messageOf(payload: Uint8Array, secret: string): Uint8Array {
  const isQuestion = parseExtension(extensionOf(payload))?.has("client asks") ?? false;
  const end = isQuestion ? NO_TEXT : new Uint8Array();
  return Buffer.concat([payload.subarray(SIGNATURE_LENGTH), Buffer.from(secret), end]);
}
