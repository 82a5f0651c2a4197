import { timingSafeEqual } from "node:crypto";
import { isTimely, makeSignedPayload, SALT_LENGTH, SIGNED_PAYLOAD_LENGTH } from "./ed25519.ts";
import { epochOf, HINT_LENGTH, keyHint } from "./hint.ts";
import { keyPairOf } from "./keys.ts";
import { makeProof } from "./proof.ts";

/** How one side proves to the other who it is. */
export type Scheme =
  /** Nothing to prove: any datagram with an empty payload is an auth packet (weak; meant with by-remote checks). */
  | { readonly kind: "port" }
  /** The payload is the token itself, in plaintext (weak: visible to anyone on the path). */
  | { readonly kind: "token"; readonly token: Uint8Array<ArrayBuffer> }
  /** The payload is signed; see `ed25519.ts` for its form. */
  | {
    readonly kind: "ed25519";
    /** Own 32-byte seed. A client signs with it; a server signs its replies with it. */
    readonly privateKey: Uint8Array<ArrayBuffer> | null;
    /** The far side's 32-byte public key. A server verifies with it; a client verifies replies with it. */
    readonly remotePublicKey: Uint8Array<ArrayBuffer> | null;
    /** Signed along but never sent. */
    readonly secret: string;
  };

/** Bytes an auth packet's payload has under `scheme`; the gate lets no other length near the program. */
export function authPayloadLength(scheme: Scheme): number {
  switch (scheme.kind) {
    case "port":
      return 0;
    case "token":
      return scheme.token.length;
    case "ed25519":
      return SIGNED_PAYLOAD_LENGTH;
  }
}

/**
 * Tells whether a payload could be tunnelled data: an IPv4 packet exactly as long as itself. The gate takes such
 * a datagram for data, so no auth packet may look like that.
 */
export function looksLikeInnerPacket(payload: Uint8Array): boolean {
  return payload.length >= 20 && payload[0]! >> 4 === 4 &&
    (payload[2]! << 8 | payload[3]!) === payload.length;
}

/**
 * Makes the payload of an auth packet. Half of its salt is random; the other half tells a server with many clients
 * whose key to try first.
 *
 * @param timestamp Unix seconds
 * @param randomBytes gives that many random bytes
 */
export function makeAuthPayload(
  scheme: Scheme,
  timestamp: number,
  randomBytes: (length: number) => Uint8Array,
): Uint8Array {
  switch (scheme.kind) {
    case "port":
      return new Uint8Array();
    case "token":
      return scheme.token;
    case "ed25519": {
      const { privateKey, secret } = scheme;
      if (privateKey === null) throw new TypeError("Cannot sign an auth packet without a private key");
      const hint = keyHint(keyPairOf(privateKey).publicKey, secret, epochOf(timestamp));
      const makeSalt = () => {
        return Uint8Array.of(...randomBytes(SALT_LENGTH - HINT_LENGTH), hint >> 8, hint & 0xff);
      };
      return signPayload(privateKey, secret, timestamp, makeSalt);
    }
  }
}

/**
 * Makes the payload of the answer to an accepted auth packet: signed in the same form when the server has a key
 * of its own, else the received payload backwards.
 */
export function makeReplyPayload(
  scheme: Scheme,
  received: Uint8Array,
  timestamp: number,
  randomBytes: (length: number) => Uint8Array,
): Uint8Array {
  if (scheme.kind === "ed25519" && scheme.privateKey !== null) {
    return signPayload(scheme.privateKey, scheme.secret, timestamp, () => randomBytes(SALT_LENGTH));
  }
  return received.slice().reverse();
}

function signPayload(
  privateKey: Uint8Array,
  secret: string,
  timestamp: number,
  makeSalt: () => Uint8Array,
): Uint8Array {
  let payload;
  do payload = makeSignedPayload(privateKey, secret, timestamp, makeSalt()); while (
    looksLikeInnerPacket(payload)
  );
  return payload;
}

/**
 * Tells whether a payload answers the auth packet with the payload `sent`. `timestamp` is our Unix time in seconds.
 */
export type ReplyVerifier = (reply: Uint8Array, sent: Uint8Array, timestamp: number) => boolean;

/**
 * Makes the check of replies: signed by the server where its public key is known, else what was sent, backwards.
 *
 * @param maxTimeDiscrepancy seconds a signed time may differ from ours; 0 does not look at it
 */
export function makeReplyVerifier(scheme: Scheme, maxTimeDiscrepancy: number): ReplyVerifier {
  if (scheme.kind === "ed25519" && scheme.remotePublicKey !== null) {
    const { verify } = makeProof(scheme);
    return (reply, _sent, timestamp) => verify(reply) && isTimely(reply, timestamp, maxTimeDiscrepancy);
  }
  return (reply, sent) => reply.length === sent.length && timingSafeEqual(reply, sent.slice().reverse());
}
