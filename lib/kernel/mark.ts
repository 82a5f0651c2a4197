/**
 * Whose a device or gate is, written where `ip link` and `nft list` show it: `ipipou:NAME`, with a word for what
 * was there before us and so must outlive us. The mark is written before the thing it speaks of is made, so
 * that a killed program's successor knows what to take over and what to leave.
 */
export interface Mark {
  /** The instance. */
  readonly name: string;
  /** The FOU listener of this local address is another's. */
  readonly foreignListener: boolean;
  /** The private local address is another's. */
  readonly foreignAddress: boolean;
}

const PREFIX = "ipipou";
const FOREIGN_LISTENER = "foreign-listener";
const FOREIGN_ADDRESS = "foreign-address";

/** Writes a mark, at most 60 characters of letters, digits and `:.-_`. */
export function formatMark({ name, foreignListener, foreignAddress }: Mark): string {
  return [
    PREFIX,
    name,
    ...(foreignListener ? [FOREIGN_LISTENER] : []),
    ...(foreignAddress ? [FOREIGN_ADDRESS] : []),
  ].join(":");
}

/** Reads a mark; null when the text is none of ours. */
export function parseMark(text: string): Mark | null {
  const [prefix, name, ...words] = text.split(":");
  if (prefix !== PREFIX || !name) return null;
  return {
    name,
    foreignListener: words.includes(FOREIGN_LISTENER),
    foreignAddress: words.includes(FOREIGN_ADDRESS),
  };
}
