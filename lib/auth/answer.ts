import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { extensionOf, layOut, NO_TEXT, SALT_LENGTH, SIGNED_PAYLOAD_LENGTH } from "./ed25519.ts";
import { EXTENSION_LENGTH, makeExtension, parseExtension, PLACE_LENGTH } from "./extension.ts";
import { makeVerifier, SIGNATURE_LENGTH, signMessage } from "./keys.ts";
import { sharedKey } from "./news.ts";
import { areEqual } from "./proof.ts";
import { type Scheme, unlikeInnerPacket } from "./scheme.ts";

/** Length in bytes of an answer's payload. */
export const ANSWER_LENGTH = SIGNED_PAYLOAD_LENGTH + EXTENSION_LENGTH + PLACE_LENGTH;

/** Separates an answer from anything else that the same key proves. */
const DOMAIN = new TextEncoder().encode("ipipou answer 1");

/** An IPv4 address, as a dotted quad, and a UDP port. */
interface Place {
  readonly ip: string;
  readonly port: number;
}

/**
 * Makes the payload by which a server tells a client where it sees it. It answers one question alone. A server without a
 * key has an HMAC in place of the signature, as in its news.
 *
 * @param question the payload of the question
 * @param timestamp Unix seconds
 * @param randomBytes returns that many random bytes
 */
export function makeAnswerPayload(
  scheme: Scheme,
  question: Uint8Array,
  seen: Place,
  timestamp: number,
  randomBytes: (length: number) => Uint8Array,
): Uint8Array {
  const extension = makeExtension("server sees", masked(bytesOf(seen)));
  return unlikeInnerPacket(() => {
    const payload = layOut(timestamp, randomBytes(SALT_LENGTH), extension);
    payload.set(proofOf(scheme, messageOf(scheme, payload, question)));
    return payload;
  });
}

/** Reads where the server sees this client in what may be the answer to `question`; null: it does not prove to be that. */
export function readAnswer(scheme: Scheme, payload: Uint8Array, question: Uint8Array): Place | null {
  const value = parseExtension(extensionOf(payload))?.get("server sees");
  if (value === undefined) return null;
  const message = messageOf(scheme, payload, question);
  return isProved(scheme, message, payload.subarray(0, SIGNATURE_LENGTH)) ? placeOf(masked(value)) : null;
}

function messageOf(scheme: Scheme, payload: Uint8Array, question: Uint8Array): Uint8Array {
  const secret = scheme.kind === "ed25519" ? scheme.secret : "";
  const said = payload.subarray(SIGNATURE_LENGTH);
  return Buffer.concat([DOMAIN, said, question, Buffer.from(secret), NO_TEXT]);
}

function proofOf(scheme: Scheme, message: Uint8Array): Uint8Array {
  return scheme.kind === "ed25519" && scheme.privateKey !== null
    ? signMessage(message, scheme.privateKey)
    : codeOf(scheme, message);
}

function isProved(scheme: Scheme, message: Uint8Array, proof: Uint8Array): boolean {
  return scheme.kind === "ed25519" && scheme.remotePublicKey !== null
    ? makeVerifier(scheme.remotePublicKey)(message, proof)
    : areEqual(proof, codeOf(scheme, message));
}

/** An HMAC-SHA512, which is as long as a signature. */
function codeOf(scheme: Scheme, message: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac("sha512", sharedKey(scheme)).update(message).digest());
}

/** Some NATs rewrite their own address wherever it stands in a packet, so it does not stand there; see RFC 8489, 14.2. */
function masked(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => ~byte);
}

function bytesOf({ ip, port }: Place): Uint8Array {
  return Uint8Array.of(...ip.split(".").map(Number), port >> 8, port & 0xff);
}

function placeOf(bytes: Uint8Array): Place {
  return { ip: bytes.subarray(0, 4).join("."), port: bytes[4]! << 8 | bytes[5]! };
}
