/** An IPv4 address and a UDP port. */
export interface Endpoint {
  /** Dotted quad. */
  readonly ip: string;
  readonly port: number;
}

/** The highest UDP port. */
export const LAST_PORT = 65_535;

/** From here on ports are assigned to nobody (RFC 6335). */
export const FIRST_DYNAMIC_PORT = 49_152;

/** A port of those. @param fraction which one, from 0 to below 1 */
export function dynamicPort(fraction: number): number {
  return FIRST_DYNAMIC_PORT + Math.floor(fraction * (LAST_PORT + 1 - FIRST_DYNAMIC_PORT));
}

/** Whether a value is the number of a UDP port. */
export function isPort(value: unknown): value is number {
  return Number.isInteger(value) && value as number >= 1 && value as number <= LAST_PORT;
}

/** A UDP datagram with its addresses. */
export interface Datagram {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly payload: Uint8Array;
}

/** Bytes of the shortest IPv4 header. */
export const IP_HEADER_LENGTH = 20;
const UDP_HEADER_LENGTH = 8;
const UDP_PROTOCOL = 17;
const ICMP_HEADER_LENGTH = 8;
const ICMP_PROTOCOL = 1;
const ECHO_REQUEST = 8;
/** In the seventh byte of an IPv4 header. */
const DONT_FRAGMENT = 0x40;

/** Least bytes of headers before a UDP payload. */
export const MIN_HEADERS_LENGTH = IP_HEADER_LENGTH + UDP_HEADER_LENGTH;

/** Most bytes of headers before a UDP payload: an IPv4 header with all options, and the UDP header. */
export const MAX_HEADERS_LENGTH = 60 + UDP_HEADER_LENGTH;

/** Formats an endpoint as `IP:PORT`. */
export function formatEndpoint({ ip, port }: Endpoint): string {
  return `${ip}:${port}`;
}

/**
 * Key of a place. It includes the own port, since a NAT may give two peers the same address and port for two ports of
 * ours.
 */
export function placeKey(remote: Endpoint, port: number): string {
  return `${formatEndpoint(remote)} ${port}`;
}

/** Reads an IPv4 packet with a whole UDP datagram; null for anything else, or a truncated one. */
export function parseUdpPacket(packet: Uint8Array): Datagram | null {
  if (packet.length < MIN_HEADERS_LENGTH) return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const headerLength = (view.getUint8(0) & 0x0f) * 4;
  const isUdp = view.getUint8(0) >> 4 === 4 && view.getUint8(9) === UDP_PROTOCOL;
  const isFragment = (view.getUint16(6) & 0x3fff) !== 0;
  if (!isUdp || isFragment || headerLength < IP_HEADER_LENGTH) return null;
  if (packet.length < headerLength + UDP_HEADER_LENGTH) return null;
  const udpLength = view.getUint16(headerLength + 4);
  if (udpLength < UDP_HEADER_LENGTH || packet.length < headerLength + udpLength) return null;
  return {
    source: { ip: readAddress(packet, 12), port: view.getUint16(headerLength) },
    destination: { ip: readAddress(packet, 16), port: view.getUint16(headerLength + 2) },
    payload: packet.slice(headerLength + UDP_HEADER_LENGTH, headerLength + udpLength),
  };
}

/**
 * Makes the IPv4 packet of a UDP datagram. The UDP checksum is set, because some NATs drop packets without one.
 */
export function buildUdpPacket({ source, destination, payload }: Datagram, ttl: number): Uint8Array {
  const udpLength = UDP_HEADER_LENGTH + payload.length;
  const packet = buildIpPacket(source.ip, destination.ip, UDP_PROTOCOL, udpLength, ttl);
  const view = new DataView(packet.buffer);
  view.setUint16(IP_HEADER_LENGTH, source.port);
  view.setUint16(IP_HEADER_LENGTH + 2, destination.port);
  view.setUint16(IP_HEADER_LENGTH + 4, udpLength);
  packet.set(payload, IP_HEADER_LENGTH + UDP_HEADER_LENGTH);
  // The pseudo header has both addresses, which precede the UDP header here, its protocol and its length.
  const checksum = internetChecksum(packet.subarray(12), UDP_PROTOCOL + udpLength);
  view.setUint16(IP_HEADER_LENGTH + 6, checksum === 0 ? 0xffff : checksum);
  return packet;
}

/**
 * Makes the IPv4 packet of an ICMP echo request.
 *
 * @param id identifier and sequence number, 4 bytes
 * @param length bytes of the whole packet, which then must not be fragmented; null: as few as it takes
 */
export function buildPing(
  source: string,
  destination: string,
  id: Uint8Array,
  ttl: number,
  length: number | null = null,
): Uint8Array {
  const body = length === null ? ICMP_HEADER_LENGTH : length - IP_HEADER_LENGTH;
  const packet = buildIpPacket(source, destination, ICMP_PROTOCOL, body, ttl);
  if (length !== null) packet[6] = DONT_FRAGMENT;
  packet.set([ECHO_REQUEST], IP_HEADER_LENGTH);
  packet.set(id, IP_HEADER_LENGTH + 4);
  const checksum = internetChecksum(packet.subarray(IP_HEADER_LENGTH));
  new DataView(packet.buffer).setUint16(IP_HEADER_LENGTH + 2, checksum);
  return packet;
}

/** Makes an IPv4 packet with room for `length` bytes. The kernel fills in identification and checksum of its header. */
function buildIpPacket(
  source: string,
  destination: string,
  protocol: number,
  length: number,
  ttl: number,
): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(IP_HEADER_LENGTH + length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, packet.length);
  view.setUint8(8, ttl);
  view.setUint8(9, protocol);
  packet.set(addressBytes(source), 12);
  packet.set(addressBytes(destination), 16);
  return packet;
}

/** The Internet checksum of RFC 1071. @param more a number to add */
function internetChecksum(bytes: Uint8Array, more = 0): number {
  let sum = more;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function readAddress(packet: Uint8Array, offset: number): string {
  return packet.subarray(offset, offset + 4).join(".");
}

function addressBytes(address: string): number[] {
  return address.split(".").map(Number);
}
