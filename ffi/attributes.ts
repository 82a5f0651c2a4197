import { formatIpv4 } from "../lib/ipv4.ts";
import { IS_LITTLE_ENDIAN } from "./descriptors.ts";
import { align, ATTRIBUTE_HEADER } from "./netlink_messages.ts";

/** The bits of an attribute's type that are no flags, such as NLA_F_NESTED. */
const TYPE_MASK = 0x3fff;

/**
 * The attributes of a netlink message, or in an attribute. What has not the size of its type counts as missing. A value
 * is read where it is: a crowd's answers and news have hundreds of thousands.
 */
export class Attributes {
  readonly #body: DataView;
  readonly #start: number;
  readonly #end: number;

  /**
   * @param start where the first one begins
   * @param end where the last one ends
   */
  constructor(body: DataView, start: number, end = body.byteLength) {
    this.#body = body;
    this.#start = start;
    this.#end = end;
  }

  /** The first one's value. */
  bytes(type: number): Uint8Array | undefined {
    const offset = this.#find(type, this.#start);
    return offset < 0 ? undefined : this.#valueAt(offset);
  }

  /** The text up to its NUL. */
  text(type: number): string | undefined {
    const bytes = this.bytes(type);
    return bytes && textIn(bytes);
  }

  byte(type: number): number | undefined {
    const offset = this.#findSized(type, 1);
    return offset < 0 ? undefined : this.#body.getUint8(offset);
  }

  /** 16 bits in the machine's byte order. */
  short(type: number): number | undefined {
    const offset = this.#findSized(type, 2);
    return offset < 0 ? undefined : this.#body.getUint16(offset, IS_LITTLE_ENDIAN);
  }

  /** 32 bits in the machine's byte order. */
  word(type: number): number | undefined {
    const offset = this.#findSized(type, 4);
    return offset < 0 ? undefined : this.#body.getUint32(offset, IS_LITTLE_ENDIAN);
  }

  /** 16 bits in network byte order. */
  port(type: number): number | undefined {
    const offset = this.#findSized(type, 2);
    return offset < 0 ? undefined : this.#body.getUint16(offset);
  }

  /** 32 bits in network byte order. */
  networkWord(type: number): number | undefined {
    const offset = this.#findSized(type, 4);
    return offset < 0 ? undefined : this.#body.getUint32(offset);
  }

  /** 64 bits in network byte order. */
  networkLong(type: number): number | undefined {
    const offset = this.#findSized(type, 8);
    return offset < 0 ? undefined : Number(this.#body.getBigUint64(offset));
  }

  /** An IPv4 address. */
  ip(type: number): string | undefined {
    const address = this.networkWord(type);
    return address === undefined ? undefined : formatIpv4(address);
  }

  /** Those in an attribute; none where it is missing. */
  nested(type: number): Attributes {
    const offset = this.#find(type, this.#start);
    if (offset < 0) return new Attributes(this.#body, this.#end, this.#end);
    return new Attributes(this.#body, offset + ATTRIBUTE_HEADER, offset + this.#lengthAt(offset));
  }

  /** The values of all of a type, in order. */
  each(type: number): Uint8Array[] {
    const values: Uint8Array[] = [];
    for (let offset = this.#start; (offset = this.#find(type, offset)) >= 0;) {
      values.push(this.#valueAt(offset));
      offset += align(this.#lengthAt(offset));
    }
    return values;
  }

  /** Offset of the value of the first one that has this size; below 0: there is none. */
  #findSized(type: number, size: number): number {
    const offset = this.#find(type, this.#start);
    return offset < 0 || this.#lengthAt(offset) !== ATTRIBUTE_HEADER + size ? -1 : offset + ATTRIBUTE_HEADER;
  }

  /** Offset of the first one at an offset or after it; below 0: there is none. */
  #find(type: number, from: number): number {
    const body = this.#body;
    for (let offset = from; offset + ATTRIBUTE_HEADER <= this.#end;) {
      const length = body.getUint16(offset, IS_LITTLE_ENDIAN);
      if (length < ATTRIBUTE_HEADER || offset + length > this.#end) break;
      if ((body.getUint16(offset + 2, IS_LITTLE_ENDIAN) & TYPE_MASK) === type) return offset;
      offset += align(length);
    }
    return -1;
  }

  #lengthAt(offset: number): number {
    return this.#body.getUint16(offset, IS_LITTLE_ENDIAN);
  }

  #valueAt(offset: number): Uint8Array {
    const { buffer, byteOffset } = this.#body;
    const start = byteOffset + offset + ATTRIBUTE_HEADER;
    return new Uint8Array(buffer, start, this.#lengthAt(offset) - ATTRIBUTE_HEADER);
  }
}

const DECODER = new TextDecoder();

/** Decodes a text up to its NUL. */
export function textIn(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return DECODER.decode(end < 0 ? bytes : bytes.subarray(0, end));
}
