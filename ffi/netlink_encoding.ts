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
const FIRST_CAPACITY = 512;
const ENCODER = new TextEncoder();

interface MessageHead {
  readonly type: number;
  /** Of struct nlmsghdr; see `NLM_F`. */
  readonly flags: number;
  /** By which its answer is known. */
  readonly sequence: number;
}

/**
 * Encodes a request.
 *
 * @param type of the message
 * @param flags of struct nlmsghdr besides NLM_F_REQUEST
 * @param header what follows struct nlmsghdr; a multiple of 4 bytes
 * @param writeBody writes the attributes
 * @param sequence by which its answer is known, where several are sent before it is read
 */
export function makeRequest(
  type: number,
  flags: number,
  header: Uint8Array | readonly number[],
  writeBody: (encoder: NetlinkEncoder) => void = () => {},
  sequence = 0,
): Uint8Array<ArrayBuffer> {
  const encoder = new NetlinkEncoder();
  const head = { type, flags: NLM_F.request | flags, sequence };
  return encoder.message(head, header, () => writeBody(encoder)).bytes;
}

/** Messages in one datagram, which the kernel takes one after the other. */
export function joined(messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const datagram = new Uint8Array(messages.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const message of messages) {
    datagram.set(message, offset);
    offset += message.length;
  }
  return datagram;
}

/** Writes netlink messages one after the other, into one buffer, as a hub may have thousands of elements to change. */
export class NetlinkEncoder {
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** All that was written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /**
   * Writes a message.
   *
   * @param header what follows struct nlmsghdr; a multiple of 4 bytes
   * @param writeBody writes the attributes
   */
  message(
    { type, flags, sequence }: MessageHead,
    header: Uint8Array | readonly number[],
    writeBody: () => void = () => {},
  ): this {
    const start = this.#reserve(HEADER);
    const view = this.#view;
    view.setUint16(start + 4, type, IS_LITTLE_ENDIAN);
    view.setUint16(start + 6, flags, IS_LITTLE_ENDIAN);
    view.setUint32(start + 8, sequence, IS_LITTLE_ENDIAN);
    this.raw(header);
    writeBody();
    this.#view.setUint32(start, this.#length - start, IS_LITTLE_ENDIAN);
    return this;
  }

  /** Writes an attribute. Attributes begin at multiples of 4 bytes. @param write writes its value */
  attribute(type: number, write: () => void): void {
    const start = this.#reserve(ATTRIBUTE_HEADER);
    this.#view.setUint16(start + 2, type, IS_LITTLE_ENDIAN);
    write();
    this.#view.setUint16(start, this.#length - start, IS_LITTLE_ENDIAN);
    this.fill(align(this.#length));
  }

  /** Writes an attribute that consists of others. */
  nested(type: number, write: () => void): void {
    this.attribute(type | NLA_F_NESTED, write);
  }

  raw(bytes: Uint8Array | readonly number[]): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Writes zeros up to an offset. */
  fill(end: number): void {
    if (end > this.#length) this.#reserve(end - this.#length);
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
  }

  /** 16 bits in the host's byte order. */
  hostShort(value: number): void {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value, IS_LITTLE_ENDIAN);
  }

  /** 16 bits in network byte order. */
  networkShort(value: number): void {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
  }

  /** 32 bits in the host's byte order. */
  hostWord(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, IS_LITTLE_ENDIAN);
  }

  /** 32 bits in network byte order. */
  networkWord(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
  }

  /** 64 bits in network byte order. */
  networkLong(value: number): void {
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, BigInt(value));
  }

  /** An IPv4 address. */
  address(ip: string): void {
    this.networkWord(parseIpv4(ip)!);
  }

  /** A text without a NUL. */
  text(value: string): void {
    this.raw(ENCODER.encode(value));
  }

  /** A text with the NUL that ends it. */
  string(value: string): void {
    this.text(value);
    this.byte(0);
  }

  /** @returns the offset of that many bytes, which are zeros */
  #reserve(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const more = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length));
      more.set(this.#bytes);
      this.#bytes = more;
      this.#view = new DataView(more.buffer);
    }
    return start;
  }
}
