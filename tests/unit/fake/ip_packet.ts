import { formatIpv4, parseIpv4 } from "../../../lib/ipv4.ts";

const HEADER_LENGTH = 20;

/** IPv4 protocol numbers. */
export const PROTOCOL = { ipip: 4, udp: 17 } as const;

/** An IPv4 packet whose addresses can be changed. Checksums are not updated. */
export class IpPacket {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  /** @param bytes not copied: the packet owns them from here on */
  private constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A copy of a packet; null if it is not an IPv4 packet. */
  static copy(bytes: Uint8Array): IpPacket | null {
    if (bytes.length < HEADER_LENGTH || bytes[0]! >> 4 !== 4) return null;
    return new IpPacket(bytes.slice());
  }

  /** A packet that carries another packet. */
  static wrap(source: string, destination: string, inner: Uint8Array): IpPacket {
    const bytes = new Uint8Array(HEADER_LENGTH + inner.length);
    const packet = new IpPacket(bytes);
    bytes.set([0x45, 0, bytes.length >> 8, bytes.length & 0xff, 0, 0, 0, 0, 64, PROTOCOL.ipip]);
    bytes.set(inner, HEADER_LENGTH);
    packet.source = source;
    packet.destination = destination;
    return packet;
  }

  get protocol(): number {
    return this.bytes[9]!;
  }

  get source(): string {
    return formatIpv4(this.#view.getUint32(12));
  }

  set source(ip: string) {
    this.#view.setUint32(12, parseIpv4(ip)!);
  }

  get destination(): string {
    return formatIpv4(this.#view.getUint32(16));
  }

  set destination(ip: string) {
    this.#view.setUint32(16, parseIpv4(ip)!);
  }

  get isUdp(): boolean {
    return this.protocol === PROTOCOL.udp && this.transport.length >= 8;
  }

  /** The bytes after its header. */
  get transport(): Uint8Array {
    return this.bytes.subarray((this.bytes[0]! & 0x0f) * 4);
  }

  /** Some bits after its header, as a number; null if it is too short. */
  bits(offset: number, length: number): number | null {
    const [start, end] = [offset >> 3, (offset + length + 7) >> 3];
    if (end > this.transport.length) return null;
    const value = this.transport.subarray(start, end).reduce((sum, byte) => sum * 256 + byte, 0);
    return Math.floor(value / 2 ** (8 * end - offset - length)) % 2 ** length;
  }
}
