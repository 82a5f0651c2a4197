import { Buffer } from "node:buffer";
import { KEY_LENGTH, keyPairOf } from "../auth/keys.ts";

/** Makes a key pair: the private key, then the public key, in base64, a line each. */
export function keygen(labelled: boolean): string {
  const { privateKey, publicKey } = keyPairOf(crypto.getRandomValues(new Uint8Array(KEY_LENGTH)));
  const base64 = (key: Uint8Array) => Buffer.from(key).toString("base64");
  const label = (text: string) => labelled ? `${text}: ` : "";
  return `${label("Private key")}${base64(privateKey)}\n${label("Public key")}${base64(publicKey)}\n`;
}
