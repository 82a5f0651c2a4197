import { keyPairOf } from "../auth/key_pair.ts";
import { KEY_LENGTH } from "../auth/keys.ts";

/** What to say of unlabelled lines, to a person. */
export const KEYGEN_NOTE =
  "The first line is the private key, which stays on this host (--auth-key-file). The second is the public key, " +
  "for the far side (--auth-remote-pubkey-b64).\n";

/** Generates a key pair. @returns the private key, then the public key, in base64, one per line */
export function keygen(labelled: boolean): string {
  const { privateKey, publicKey } = keyPairOf(crypto.getRandomValues(new Uint8Array(KEY_LENGTH)));
  const label = (text: string) => labelled ? `${text}: ` : "";
  return `${label("Private key")}${privateKey.toBase64()}\n${label("Public key")}${publicKey.toBase64()}\n`;
}
