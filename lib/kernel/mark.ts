/**
 * Says which instance owns a device or gate, where `ip link` and `nft list` show it: `ipipou:NAME`, with words for the
 * foreign objects that it uses. It is written before the objects it names are made, so that the next start after a kill
 * knows what to take over and what to leave.
 */
interface Mark {
  readonly name: string;
  /** FOU ports of ours whose listeners, at its local address, are foreign. */
  readonly foreignPorts: readonly number[];
  /** Who made the device's private address; null: it has none. */
  readonly privateAddress: "own" | "foreign" | null;
  /** The MTU that we gave the device: if it has another one, somebody else set that. Null: a gate, or unknown. */
  readonly mtu: number | null;
}

const PREFIX = "ipipou";
const FOREIGN_LISTENER = "foreign-listener";
const MTU = "mtu-";
const PRIVATE_ADDRESS = { own: "private-address", foreign: "foreign-address" } as const;

/** Writes a mark: letters, digits and `:.-_`; 71 characters where it names one port. */
export function formatMark({ name, foreignPorts, privateAddress, mtu }: Mark): string {
  return [
    PREFIX,
    name,
    ...(foreignPorts.length === 0 ? [] : [[FOREIGN_LISTENER, ...foreignPorts].join("-")]),
    ...(privateAddress === null ? [] : [PRIVATE_ADDRESS[privateAddress]]),
    ...(mtu === null ? [] : [`${MTU}${mtu}`]),
  ].join(":");
}

/** Reads a mark; null when the text is no mark. */
export function parseMark(text: string): Mark | null {
  const [prefix, name, ...words] = text.split(":");
  if (prefix !== PREFIX || !name) return null;
  const listeners = words.find((word) => word.startsWith(FOREIGN_LISTENER)) ?? FOREIGN_LISTENER;
  const kinds = ["own", "foreign"] as const;
  return {
    name,
    foreignPorts: listeners.slice(FOREIGN_LISTENER.length).split("-").slice(1).map(Number),
    mtu: Number(words.find((word) => word.startsWith(MTU))?.slice(MTU.length)) || null,
    privateAddress: kinds.find((kind) => words.includes(PRIVATE_ADDRESS[kind])) ?? null,
  };
}
