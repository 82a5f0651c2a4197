import { Buffer } from "node:buffer";

/** Where a secret key of usign and signify has what, in bytes. */
const SECRET = { length: 104, rounds: 4, number: 32, key: 72 } as const;
const ALGORITHM = "Ed";

/**
 * The public key that belongs to a secret one, as a file of usign and signify.
 *
 * @param secret the text of the file with the secret key
 * @throws {Error} when it is none, or has a passphrase
 */
export function publicKeyOf(secret: string): string {
  const bytes = Buffer.from(secret.trimEnd().split("\n").at(-1)!, "base64");
  if (bytes.length !== SECRET.length || bytes.toString("latin1", 0, 2) !== ALGORITHM) {
    throw new Error("Cannot sign the index for opkg: the file has no secret key of usign or signify");
  }
  if (bytes.readUInt32BE(SECRET.rounds) !== 0) {
    throw new Error(
      "Cannot sign the index for opkg: the secret key has a passphrase; make one by signify -G -n",
    );
  }
  const number = bytes.subarray(SECRET.number, SECRET.number + 8);
  const publicKey = Buffer.concat([Buffer.from(ALGORITHM), number, bytes.subarray(SECRET.key)]);
  return `untrusted comment: ipipou public key\n${publicKey.toString("base64")}\n`;
}
