/** The first bytes of what may follow the salt of a signed payload, and the version of its layout. */
const MAGIC = Uint8Array.of(...new TextEncoder().encode("IP2"), 1);
/** Bytes before a field's value: its type, then its length. */
const FIELD_HEADER_LENGTH = 2;

/** Types of the fields that are known; all of them are empty. Each side has its own: one key may serve both. */
const TYPES = { "client stops": 6, "server stops": 10, "server starts": 11 } as const;

/** What a signed payload says beside who sent it. */
export type Announcement = keyof typeof TYPES;

const ANNOUNCEMENTS = Object.keys(TYPES) as Announcement[];

/** Length in bytes of the extension that makes an announcement. */
export const EXTENSION_LENGTH = MAGIC.length + FIELD_HEADER_LENGTH;

/** Makes the extension of a signed payload that makes an announcement. */
export function makeExtension(announcement: Announcement): Uint8Array {
  return Uint8Array.of(...MAGIC, TYPES[announcement], 0);
}

/** Whether a text may not be a shared secret: the end of what is signed would read as an extension. */
export function beginsLikeExtension(secret: string): boolean {
  const bytes = new TextEncoder().encode(secret);
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/**
 * Reads what follows the salt of a signed payload. Fields of unknown types are skipped.
 *
 * @returns the announcements in it; null: it is no whole extension of this version
 */
export function parseExtension(bytes: Uint8Array): ReadonlySet<Announcement> | null {
  if (!MAGIC.every((byte, index) => bytes[index] === byte)) return null;
  const found = new Set<Announcement>();
  for (let at = MAGIC.length; at < bytes.length;) {
    if (at + FIELD_HEADER_LENGTH > bytes.length) return null;
    const [type, length] = [bytes[at]!, bytes[at + 1]!];
    at += FIELD_HEADER_LENGTH + length;
    if (at > bytes.length) return null;
    const announcement = ANNOUNCEMENTS.find((known) => TYPES[known] === type);
    if (announcement === undefined) continue;
    if (length > 0) return null;
    found.add(announcement);
  }
  return found;
}
