import { parseIpv4 } from "../lib/ipv4.ts";
import { IS_LITTLE_ENDIAN } from "./descriptors.ts";
import { align, ATTRIBUTE_HEADER, HEADER } from "./netlink_messages.ts";

/** Flags of struct nlmsghdr. */
export const NLM_F = {
  request: 1,
  ack: 4,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
} as const;
/** Says that an attribute consists of others. */
const NLA_F_NESTED = 0x8000;

/** An attribute of a message, with the bytes it carries. */
export type Attribute = readonly [type: number, value: Uint8Array];

interface MessageHead {
  readonly type: number;
  /** Of struct nlmsghdr; see `NLM_F`. */
  readonly flags: number;
  /** By which its answer is known. */
  readonly sequence: number;
}

/**
 * Encodes a netlink message.
 *
 * @param header what follows struct nlmsghdr; a multiple of 4 bytes
 */
export function encodeMessage(
  { type, flags, sequence }: MessageHead,
  header: Uint8Array,
  attributes: readonly Attribute[],
): Uint8Array<ArrayBuffer> {
  const body = encodeAttributes(attributes);
  const message = new Uint8Array(HEADER + header.length + body.length);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, IS_LITTLE_ENDIAN);
  view.setUint16(4, type, IS_LITTLE_ENDIAN);
  view.setUint16(6, flags, IS_LITTLE_ENDIAN);
  view.setUint32(8, sequence, IS_LITTLE_ENDIAN);
  message.set(header, HEADER);
  message.set(body, HEADER + header.length);
  return message;
}

/** Encodes an attribute that consists of others, each of which begins at a multiple of 4 bytes. */
export function nested(type: number, attributes: readonly Attribute[]): Attribute {
  return [type | NLA_F_NESTED, encodeAttributes(attributes)];
}

function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  const lengths = attributes.map(([, value]) => align(ATTRIBUTE_HEADER + value.length));
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const [index, [type, value]] of attributes.entries()) {
    view.setUint16(offset, ATTRIBUTE_HEADER + value.length, IS_LITTLE_ENDIAN);
    view.setUint16(offset + 2, type, IS_LITTLE_ENDIAN);
    bytes.set(value, offset + ATTRIBUTE_HEADER);
    offset += lengths[index]!;
  }
  return bytes;
}

/** Encodes a number of 8 bits. */
export function byte(value: number): Uint8Array {
  return Uint8Array.of(value);
}

/** Encodes a number of 16 bits in the host's byte order. */
export function hostShort(value: number): Uint8Array {
  return made(2, (view) => view.setUint16(0, value, IS_LITTLE_ENDIAN));
}

/** Encodes a number of 16 bits in network byte order. */
export function networkShort(value: number): Uint8Array {
  return made(2, (view) => view.setUint16(0, value));
}

/** Encodes a number of 32 bits in the host's byte order. */
export function hostWord(value: number): Uint8Array {
  return made(4, (view) => view.setUint32(0, value, IS_LITTLE_ENDIAN));
}

/** Encodes a number of 32 bits in network byte order. */
export function networkWord(value: number): Uint8Array {
  return made(4, (view) => view.setUint32(0, value));
}

/** Encodes a number of 64 bits in network byte order. */
export function networkLong(value: number): Uint8Array {
  return made(8, (view) => view.setBigUint64(0, BigInt(value)));
}

/** Encodes an IPv4 address. */
export function address(ip: string): Uint8Array {
  return networkWord(parseIpv4(ip)!);
}

/** Encodes a text with the NUL that ends it. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

function made(length: number, set: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  set(new DataView(bytes.buffer));
  return bytes;
}
