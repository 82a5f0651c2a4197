import { timingSafeEqual } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { makeSignedPayload, parseSignedPayload, SALT_LENGTH, SIGNED_PAYLOAD_LENGTH } from "./ed25519.ts";
import { makeVerifier } from "./keys.ts";

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
 * Makes the payload of an auth packet.
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
      let payload;
      do {
        payload = makeSignedPayload(privateKey, secret, timestamp, randomBytes(SALT_LENGTH));
      } while (looksLikeInnerPacket(payload));
      return payload;
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
    return makeAuthPayload(scheme, timestamp, randomBytes);
  }
  return received.slice().reverse();
}

/** Tells whether both ask the same proof of the far side; own keys do not matter. */
export function asksTheSame(a: Scheme, b: Scheme): boolean {
  const asked = (scheme: Scheme) => scheme.kind === "ed25519" ? { ...scheme, privateKey: null } : scheme;
  return isDeepStrictEqual(asked(a), asked(b));
}

/** Why an auth packet was refused. */
export type Refusal =
  | "wrong length"
  | "wrong token"
  | "wrong signature"
  | "time too far from ours"
  | "wrong remote address"
  | "wrong remote port";

/** Tells why a payload does not prove who sent it; null when it does. `timestamp` is our Unix time in seconds. */
export type Authenticator = (payload: Uint8Array, timestamp: number) => Refusal | null;

/**
 * Makes the check of the far side's auth packets.
 *
 * @param maxTimeDiscrepancy seconds a signed time may differ from ours; 0 does not look at it
 */
export function makeAuthenticator(scheme: Scheme, maxTimeDiscrepancy: number): Authenticator {
  switch (scheme.kind) {
    case "port":
      return (payload) => payload.length === 0 ? null : "wrong length";
    case "token":
      return (payload) => {
        if (payload.length !== scheme.token.length) return "wrong length";
        return timingSafeEqual(payload, scheme.token) ? null : "wrong token";
      };
    case "ed25519": {
      const { remotePublicKey, secret } = scheme;
      if (remotePublicKey === null) throw new TypeError("Cannot authenticate without the remote public key");
      const verify = makeVerifier(remotePublicKey);
      return (payload, timestamp) => {
        const parts = parseSignedPayload(payload, secret);
        if (parts === null) return "wrong length";
        if (!verify(parts.message, parts.signature)) return "wrong signature";
        const discrepancy = Math.abs(parts.timestamp - timestamp);
        return maxTimeDiscrepancy > 0 && discrepancy > maxTimeDiscrepancy ? "time too far from ours" : null;
      };
    }
  }
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
    const authenticate = makeAuthenticator(scheme, maxTimeDiscrepancy);
    return (reply, _sent, timestamp) => authenticate(reply, timestamp) === null;
  }
  return (reply, sent) => reply.length === sent.length && timingSafeEqual(reply, sent.slice().reverse());
}
