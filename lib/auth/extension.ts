/** The first bytes of what may follow the salt of a signed payload, and the version of its layout. */
const MAGIC = Uint8Array.of(...new TextEncoder().encode("IP2"), 1);
/** Bytes before a field's value: its type, then its length. */
const FIELD_HEADER_LENGTH = 2;

/** Types of the fields that are known. Each side has its own: one key may serve both. */
const TYPES = {
  "client stops": 6,
  "client asks": 7,
  "server stops": 10,
  "server starts": 11,
  "server sees": 12,
} as const;

/** What a signed payload says beside who sent it. */
export type Statement = keyof typeof TYPES;

const STATEMENTS = Object.keys(TYPES) as Statement[];

/** Bytes of a value that says where a client is seen: an IPv4 address and a port. All other fields are empty. */
export const PLACE_LENGTH = 6;

/** Length in bytes of the extension with a field that is empty. */
export const EXTENSION_LENGTH = MAGIC.length + FIELD_HEADER_LENGTH;

/** Makes the extension of a signed payload that says this. */
export function makeExtension(statement: Statement, value: Uint8Array = new Uint8Array()): Uint8Array {
  return Uint8Array.of(...MAGIC, TYPES[statement], value.length, ...value);
}

/** Whether a text may not be a shared secret: the end of what is signed would read as an extension. */
export function beginsLikeExtension(secret: string): boolean {
  const bytes = new TextEncoder().encode(secret);
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/**
 * Reads what follows the salt of a signed payload. Fields of unknown types are skipped.
 *
 * @returns the value of each statement in it; null: it is no whole extension of this version
 */
export function parseExtension(bytes: Uint8Array): ReadonlyMap<Statement, Uint8Array> | null {
  if (!MAGIC.every((byte, index) => bytes[index] === byte)) return null;
  const found = new Map<Statement, Uint8Array>();
  for (let at = MAGIC.length; at < bytes.length;) {
    if (at + FIELD_HEADER_LENGTH > bytes.length) return null;
    const [type, length] = [bytes[at]!, bytes[at + 1]!];
    at += FIELD_HEADER_LENGTH + length;
    if (at > bytes.length) return null;
    const statement = STATEMENTS.find((known) => TYPES[known] === type);
    if (statement === undefined) continue;
    if (length !== lengthOf(statement)) return null;
    found.set(statement, bytes.subarray(at - length, at));
  }
  return found;
}

function lengthOf(statement: Statement): number {
  return statement === "server sees" ? PLACE_LENGTH : 0;
}
