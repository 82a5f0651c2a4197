/**
 * Whose a device or gate is, written where `ip link` and `nft list` show it: `ipipou:NAME`, with a word for what
 * was there before us and so must outlive us. The mark is written before the thing it speaks of is made, so
 * that a killed program's successor knows what to take over and what to leave.
 */
export interface Mark {
  /** The instance. */
  readonly name: string;
  /** Own FOU ports whose listeners, at its local address, are others'. */
  readonly foreignPorts: readonly number[];
  /** A device's local address is a private one, made for it by us or another's; null: it has none. */
  readonly privateAddress: "own" | "foreign" | null;
}

const PREFIX = "ipipou";
const FOREIGN_LISTENER = "foreign-listener";
const PRIVATE_ADDRESS = { own: "private-address", foreign: "foreign-address" } as const;

/** Writes a mark: letters, digits and `:.-_`; 60 characters where it names one port. */
export function formatMark({ name, foreignPorts, privateAddress }: Mark): string {
  return [
    PREFIX,
    name,
    ...(foreignPorts.length === 0 ? [] : [[FOREIGN_LISTENER, ...foreignPorts].join("-")]),
    ...(privateAddress === null ? [] : [PRIVATE_ADDRESS[privateAddress]]),
  ].join(":");
}

/** Reads a mark; null when the text is none of ours. */
export function parseMark(text: string): Mark | null {
  const [prefix, name, ...words] = text.split(":");
  if (prefix !== PREFIX || !name) return null;
  const listeners = words.find((word) => word.startsWith(FOREIGN_LISTENER)) ?? FOREIGN_LISTENER;
  const kinds = ["own", "foreign"] as const;
  return {
    name,
    foreignPorts: listeners.slice(FOREIGN_LISTENER.length).split("-").slice(1).map(Number),
    privateAddress: kinds.find((kind) => words.includes(PRIVATE_ADDRESS[kind])) ?? null,
  };
}
