import { makeSignedPayload, SALT_LENGTH, SIGNED_PAYLOAD_LENGTH } from "./ed25519.ts";
import { EXTENSION_LENGTH, makeExtension } from "./extension.ts";
import { epochOf, HINT_LENGTH, keyHint } from "./hint.ts";
import { publicKeyOf } from "./keys.ts";

/** Most bytes of an auth packet's payload: what fits an Ethernet frame. */
export const LONGEST_PAYLOAD = 1472;

/** Length in bytes of the payload of a good-bye, of a question, and of the server's news. */
export const ANNOUNCEMENT_LENGTH = SIGNED_PAYLOAD_LENGTH + EXTENSION_LENGTH;

/** How each side authenticates to the other. */
export type Scheme =
  /** No proof: any datagram with an empty payload is an auth packet (weak; meant for use with by-remote checks). */
  | { readonly kind: "port" }
  /** The payload is the token itself, unencrypted (weak: visible to anyone on the path). */
  | { readonly kind: "token"; readonly token: Uint8Array<ArrayBuffer> }
  /** The payload is signed; see `ed25519.ts` for its form. */
  | {
    readonly kind: "ed25519";
    /** Our 32-byte seed. A client signs auth packets with it, a server its replies. */
    readonly privateKey: Uint8Array<ArrayBuffer> | null;
    /** The peer's 32-byte public key. A server verifies auth packets with it, a client replies. */
    readonly remotePublicKey: Uint8Array<ArrayBuffer> | null;
    /** Shared secret: part of what is signed, never sent. */
    readonly secret: string;
  };

/** Length in bytes of an auth packet's payload under `scheme`. The nftables rules queue no other length. */
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
 * Tells whether a payload could be tunnelled data: an IPv4 packet whose total length is the payload's. The nftables
 * rules treat such a datagram as data, so no auth packet may look like one.
 */
export function looksLikeInnerPacket(payload: Uint8Array): boolean {
  return payload.length >= 20 && payload[0]! >> 4 === 4 &&
    (payload[2]! << 8 | payload[3]!) === payload.length;
}

/**
 * Makes the payload of an auth packet. Half of its salt is random; the other half hints to a server with many clients
 * which key to try first.
 *
 * @param timestamp Unix seconds
 * @param randomBytes returns that many random bytes
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
    case "ed25519":
      return signWithHint(scheme, timestamp, randomBytes);
  }
}

/** Makes the payload by which a client that signs says good-bye; null: its scheme has no signature. */
export function makeGoodbyePayload(
  scheme: Scheme,
  timestamp: number,
  randomBytes: (length: number) => Uint8Array,
): Uint8Array | null {
  if (scheme.kind !== "ed25519") return null;
  return signWithHint(scheme, timestamp, randomBytes, makeExtension("client stops"));
}

/**
 * Makes the payload by which a client that signs asks where its server sees it; null: its scheme has no signature. It
 * proves who asks, and does not authenticate: it admits, moves and renews nobody.
 */
export function makeQuestionPayload(
  scheme: Scheme,
  timestamp: number,
  randomBytes: (length: number) => Uint8Array,
): Uint8Array | null {
  if (scheme.kind !== "ed25519") return null;
  return signWithHint(scheme, timestamp, randomBytes, makeExtension("client asks"));
}

function signWithHint(
  { privateKey, secret }: Extract<Scheme, { kind: "ed25519" }>,
  timestamp: number,
  randomBytes: (length: number) => Uint8Array,
  extension?: Uint8Array,
): Uint8Array {
  if (privateKey === null) throw new TypeError("Cannot sign an auth packet without a private key");
  const hint = keyHint(publicKeyOf(privateKey), secret, epochOf(timestamp));
  const makeSalt = () => Uint8Array.of(...randomBytes(SALT_LENGTH - HINT_LENGTH), hint >> 8, hint & 0xff);
  return unlikeInnerPacket(() => makeSignedPayload(privateKey, secret, timestamp, makeSalt(), extension));
}

/**
 * Makes the payload of the reply to an accepted auth packet: signed in the same form when the server has its own
 * key, else the received payload reversed.
 */
export function makeReplyPayload(
  scheme: Scheme,
  received: Uint8Array,
  timestamp: number,
  randomBytes: (length: number) => Uint8Array,
): Uint8Array {
  if (scheme.kind === "ed25519" && scheme.privateKey !== null) {
    const { privateKey, secret } = scheme;
    return unlikeInnerPacket(() =>
      makeSignedPayload(privateKey, secret, timestamp, randomBytes(SALT_LENGTH))
    );
  }
  return received.toReversed();
}

/** Makes payloads until one is not taken for tunnelled data. */
export function unlikeInnerPacket(make: () => Uint8Array): Uint8Array {
  let payload;
  do payload = make(); while (looksLikeInnerPacket(payload));
  return payload;
}
