import { IS_LITTLE_ENDIAN } from "./descriptors.ts";
import { align, ATTRIBUTE_HEADER, viewOf } from "./netlink_messages.ts";

/** The bits of an attribute's type that are no flags, such as NLA_F_NESTED. */
const TYPE_MASK = 0x3fff;

/** The attributes of a netlink message, or in an attribute. What has not the size of its type counts as missing. */
export class Attributes {
  readonly #body: DataView;
  readonly #start: number;

  /** @param start where the first one begins */
  constructor(body: DataView, start: number) {
    this.#body = body;
    this.#start = start;
  }

  /** The first one's value. */
  bytes(type: number): Uint8Array | undefined {
    return this.#find(type, true)[0];
  }

  /** The text up to its NUL. */
  text(type: number): string | undefined {
    const bytes = this.bytes(type);
    return bytes && textIn(bytes);
  }

  byte(type: number): number | undefined {
    const bytes = this.bytes(type);
    return bytes?.length === 1 ? bytes[0] : undefined;
  }

  /** 16 bits in the machine's byte order. */
  short(type: number): number | undefined {
    const bytes = this.bytes(type);
    return bytes?.length === 2 ? viewOf(bytes).getUint16(0, IS_LITTLE_ENDIAN) : undefined;
  }

  /** 32 bits in the machine's byte order. */
  word(type: number): number | undefined {
    const bytes = this.bytes(type);
    return bytes?.length === 4 ? viewOf(bytes).getUint32(0, IS_LITTLE_ENDIAN) : undefined;
  }

  /** 16 bits in network byte order. */
  port(type: number): number | undefined {
    const bytes = this.bytes(type);
    return bytes?.length === 2 ? viewOf(bytes).getUint16(0) : undefined;
  }

  /** 32 bits in network byte order. */
  networkWord(type: number): number | undefined {
    const bytes = this.bytes(type);
    return bytes?.length === 4 ? viewOf(bytes).getUint32(0) : undefined;
  }

  /** 64 bits in network byte order. */
  networkLong(type: number): number | undefined {
    const bytes = this.bytes(type);
    return bytes?.length === 8 ? Number(viewOf(bytes).getBigUint64(0)) : undefined;
  }

  /** An IPv4 address. */
  ip(type: number): string | undefined {
    const bytes = this.bytes(type);
    return bytes?.length === 4 ? bytes.join(".") : undefined;
  }

  /** Those in an attribute; none where it is missing. */
  nested(type: number): Attributes {
    const bytes = this.bytes(type) ?? new Uint8Array();
    return new Attributes(viewOf(bytes), 0);
  }

  /** The values of all of a type, in order. */
  each(type: number): Uint8Array[] {
    return this.#find(type, false);
  }

  #find(type: number, isFirstEnough: boolean): Uint8Array[] {
    const body = this.#body;
    const found: Uint8Array[] = [];
    for (let offset = this.#start; offset + ATTRIBUTE_HEADER <= body.byteLength;) {
      const length = body.getUint16(offset, IS_LITTLE_ENDIAN);
      if (length < ATTRIBUTE_HEADER || offset + length > body.byteLength) break;
      if ((body.getUint16(offset + 2, IS_LITTLE_ENDIAN) & TYPE_MASK) === type) {
        const start = body.byteOffset + offset + ATTRIBUTE_HEADER;
        found.push(new Uint8Array(body.buffer, start, length - ATTRIBUTE_HEADER));
        if (isFirstEnough) break;
      }
      offset += align(length);
    }
    return found;
  }
}

/** Decodes a text up to its NUL. */
export function textIn(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
