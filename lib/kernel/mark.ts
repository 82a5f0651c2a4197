import { isPort } from "../packet.ts";

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
/** The name of an instance. */
const NAME_REGEXP = /^[A-Za-z0-9_.-]{1,15}$/;
const LISTENERS_REGEXP = /^foreign-listener(?:-\d+)+$/;
const FOREIGN_LISTENER = "foreign-listener";
const MTU = "mtu-";
const MTU_REGEXP = /^mtu-[1-9]\d{0,4}$/;
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

/** Reads a mark; null when the text is no mark. Anyone with the right to may write one: words that mean nothing are ignored. */
export function parseMark(text: string): Mark | null {
  const [prefix, name = "", ...words] = text.split(":");
  if (prefix !== PREFIX || !NAME_REGEXP.test(name)) return null;
  const listeners = words.find((word) => LISTENERS_REGEXP.test(word)) ?? FOREIGN_LISTENER;
  const kinds = ["own", "foreign"] as const;
  return {
    name,
    foreignPorts: listeners.slice(FOREIGN_LISTENER.length).split("-").slice(1).map(Number).filter(isPort),
    mtu: Number(words.find((word) => MTU_REGEXP.test(word))?.slice(MTU.length)) || null,
    privateAddress: kinds.find((kind) => words.includes(PRIVATE_ADDRESS[kind])) ?? null,
  };
}
