import { createHash, timingSafeEqual } from "node:crypto";
import { isTimely, parseSignedPayload, SIGNED_PAYLOAD_LENGTH } from "./ed25519.ts";
import { makeVerifier } from "./keys.ts";
import type { Scheme } from "./scheme.ts";

/** What the peer has to prove, whatever its name and address. */
export interface Proof {
  /** Equal exactly where the same proof is asked for; reveals no secret. */
  readonly id: string;
  /** Tells whether a payload is that proof, ignoring the time it was made. */
  readonly verify: (payload: Uint8Array) => boolean;
}

/** The `id` of what an unsigned payload proves: a token, or nothing when it is empty. */
export function bareProofId(payload: Uint8Array): string {
  return `bare ${createHash("sha256").update(payload).digest("hex")}`;
}

/** The `id` of what `scheme` asks of the peer. Our own key does not affect it. */
export function proofId(scheme: Scheme): string {
  if (scheme.kind !== "ed25519") return bareProofId(bareBytes(scheme));
  const { remotePublicKey, secret } = scheme;
  if (remotePublicKey === null) throw new TypeError("Cannot authenticate without the remote public key");
  return `key ${createHash("sha256").update(remotePublicKey).update(secret).digest("hex")}`;
}

/** Makes the check of what `scheme` asks of the peer. */
export function makeProof(scheme: Scheme): Proof {
  const id = proofId(scheme);
  if (scheme.kind !== "ed25519") {
    const bytes = bareBytes(scheme);
    return { id, verify: (payload) => areEqual(payload, bytes) };
  }
  const { remotePublicKey, secret } = scheme;
  let verifySignature: ReturnType<typeof makeVerifier> | undefined;
  return {
    id,
    verify: (payload) => {
      const parts = parseSignedPayload(payload, secret);
      if (parts === null) return false;
      // Made on first use: making a thousand at the start would block the program.
      verifySignature ??= makeVerifier(remotePublicKey!);
      return verifySignature(parts.message, parts.signature);
    },
  };
}

/** Tells whether `reply` is one to an auth packet with the payload `sent`. @param timestamp our Unix time in seconds */
export type ReplyVerifier = (reply: Uint8Array, sent: Uint8Array, timestamp: number) => boolean;

/**
 * Makes the check of replies: a signature where the server's public key is known, else the sent payload reversed.
 *
 * @param maxTimeDiscrepancy seconds a signed time may differ from ours; 0: it is not checked
 */
export function makeReplyVerifier(scheme: Scheme, maxTimeDiscrepancy: number): ReplyVerifier {
  if (scheme.kind === "ed25519" && scheme.remotePublicKey !== null) {
    const { verify } = makeProof(scheme);
    return (reply, _sent, timestamp) =>
      reply.length === SIGNED_PAYLOAD_LENGTH && verify(reply) &&
      isTimely(reply, timestamp, maxTimeDiscrepancy);
  }
  return (reply, sent) => areEqual(reply, sent.toReversed());
}

/** Compares two byte strings in constant time. */
export function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function bareBytes(scheme: Exclude<Scheme, { kind: "ed25519" }>): Uint8Array {
  return scheme.kind === "token" ? scheme.token : new Uint8Array();
}
