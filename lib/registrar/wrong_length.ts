import { SIGNED_PAYLOAD_LENGTH } from "../auth/ed25519.ts";
import { ANNOUNCEMENT_LENGTH, type Scheme } from "../auth/scheme.ts";
import type { Peer } from "../settings/settings.ts";

const NAMES: Readonly<Record<Scheme["kind"], string>> = {
  port: "no proof",
  token: "a token",
  ed25519: "a key",
};

/**
 * Guesses why no peer sends payloads of this length, for a line in the log.
 *
 * @param length bytes
 * @returns words for after the refusal; they reveal no token's length
 */
export function explainWrongLength(length: number, peers: readonly Peer[]): string {
  const asked = [...new Set(peers.map(({ scheme }) => scheme.kind))].map((kind) => NAMES[kind]);
  return `${describe(length)}; ${
    asked.join(" or ")
  } is what this server asks for: if it is a client of yours, ` +
    "let both sides authenticate in the same way";
}

function describe(length: number): string {
  if (length === 0) return "it is empty, as of a client that has neither key nor token";
  const isOfKey = [SIGNED_PAYLOAD_LENGTH, ANNOUNCEMENT_LENGTH].includes(length);
  return `it has ${length} ${length === 1 ? "byte" : "bytes"}, as of a client that has a ${
    isOfKey ? "key" : "token, if it is an auth packet at all"
  }`;
}
