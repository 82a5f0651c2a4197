import { createHmac, randomBytes } from "node:crypto";

const ADDRESS_REGEXP = /\b\d{1,3}(?:\.\d{1,3}){3}\b/g;
const KEY_LENGTH = 32;
/** Hexadecimal digits that stand for an address. */
const DIGITS = 8;

/**
 * Makes a function that replaces each IPv4 address in a text by letters and digits in brackets: the same for the same
 * address as long as this run lasts, and another in the next.
 */
export function makeAddressMask(key: Uint8Array = randomBytes(KEY_LENGTH)): (text: string) => string {
  const stand = (address: string) => createHmac("sha256", key).update(address).digest("hex").slice(0, DIGITS);
  return (text) => text.replace(ADDRESS_REGEXP, (address) => `[${stand(address)}]`);
}
