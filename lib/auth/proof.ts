import { createHash, timingSafeEqual } from "node:crypto";
import { parseSignedPayload } from "./ed25519.ts";
import { makeVerifier } from "./keys.ts";
import type { Scheme } from "./scheme.ts";

/** What a far side has to prove, whatever its name and place. */
export interface Proof {
  /** Equal exactly where the same is asked; tells nothing of secrets. */
  readonly id: string;
  /** Tells whether a payload proves it, whatever the time it was made. */
  readonly verify: (payload: Uint8Array) => boolean;
}

/** The `id` of what a payload proves by itself, unsigned: a token, or when it is empty, nothing. */
export function bareProofId(payload: Uint8Array): string {
  return `bare ${createHash("sha256").update(payload).digest("hex")}`;
}

/** The `id` of what `scheme` asks of the far side; own keys do not matter. */
export function proofId(scheme: Scheme): string {
  if (scheme.kind !== "ed25519") return bareProofId(bareBytes(scheme));
  const { remotePublicKey, secret } = scheme;
  if (remotePublicKey === null) throw new TypeError("Cannot authenticate without the remote public key");
  return `key ${createHash("sha256").update(remotePublicKey).update(secret).digest("hex")}`;
}

/** Makes the check of what `scheme` asks of the far side. */
export function makeProof(scheme: Scheme): Proof {
  const id = proofId(scheme);
  if (scheme.kind !== "ed25519") {
    const bytes = bareBytes(scheme);
    return {
      id,
      verify: (payload) => payload.length === bytes.length && timingSafeEqual(payload, bytes),
    };
  }
  const { remotePublicKey, secret } = scheme;
  let verifySignature: ReturnType<typeof makeVerifier> | undefined;
  return {
    id,
    verify: (payload) => {
      const parts = parseSignedPayload(payload, secret);
      if (parts === null) return false;
      // Made when it is first needed: a thousand at the start would keep the program busy.
      verifySignature ??= makeVerifier(remotePublicKey!);
      return verifySignature(parts.message, parts.signature);
    },
  };
}

function bareBytes(scheme: Exclude<Scheme, { kind: "ed25519" }>): Uint8Array {
  return scheme.kind === "token" ? scheme.token : new Uint8Array();
}
