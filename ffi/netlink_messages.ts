import { IS_LITTLE_ENDIAN } from "./descriptors.ts";

/** Bytes of struct nlmsghdr. */
export const HEADER = 16;
/** Bytes of struct nlattr; messages and attributes begin at multiples of it. */
export const ATTRIBUTE_HEADER = 4;
/** Bytes of struct genlmsghdr, which follows struct nlmsghdr in messages of generic netlink. */
export const GENERIC_HEADER = 4;

export const NLMSG = { noop: 1, error: 2, done: 3 } as const;

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** What follows struct nlmsghdr. */
  readonly body: DataView;
}

/** The messages of a datagram, and null for a remainder that is no message. */
export function messagesIn(datagram: Uint8Array): (Message | null)[] {
  const { buffer, byteOffset, byteLength } = datagram;
  const view = new DataView(buffer, byteOffset, byteLength);
  const messages: (Message | null)[] = [];
  let offset = 0;
  do {
    const length = offset + HEADER <= byteLength ? view.getUint32(offset, IS_LITTLE_ENDIAN) : 0;
    if (length < HEADER || offset + length > byteLength) {
      messages.push(null);
      break;
    }
    messages.push({
      type: view.getUint16(offset + 4, IS_LITTLE_ENDIAN),
      flags: view.getUint16(offset + 6, IS_LITTLE_ENDIAN),
      sequence: view.getUint32(offset + 8, IS_LITTLE_ENDIAN),
      body: new DataView(buffer, byteOffset + offset + HEADER, length - HEADER),
    });
    offset += align(length);
  } while (offset < byteLength);
  return messages;
}

/** Views bytes as they are in memory. */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Rounds a length up to where the next message or attribute begins. */
export function align(length: number): number {
  return (length + 3) & ~3;
}
