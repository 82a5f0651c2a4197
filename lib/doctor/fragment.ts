import { buildPing } from "../packet.ts";

const [ICMP, ICMP_TIME_EXCEEDED, REASSEMBLY] = [1, 11, 1];
const HEADER_LENGTH = 20;
const ICMP_HEADER_LENGTH = 8;
/** In the seventh byte of an IPv4 header: more fragments follow. */
const MORE_FRAGMENTS = 0x20;
/** Bytes of the fragment: all but the last one have a multiple of 8 after the header. */
const LENGTH = HEADER_LENGTH + 2 * ICMP_HEADER_LENGTH;

/**
 * Makes the first fragment of an IPv4 packet, whose others never come. A host that has kept it for long enough says so.
 *
 * @param id 4 bytes by which it is known again
 */
export function buildFragment(source: string, destination: string, id: Uint8Array, ttl: number): Uint8Array {
  const packet = buildPing(source, destination, id, ttl, LENGTH);
  packet[6] = MORE_FRAGMENTS;
  packet.set(id.subarray(0, 2), 4);
  const view = new DataView(packet.buffer, packet.byteOffset);
  let sum = 0;
  for (let at = 0; at < HEADER_LENGTH; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~sum & 0xffff);
  return packet;
}

/** Whether an IPv4 packet tells that the others of a fragment with this id never came. */
export function isAboutFragment(packet: Uint8Array, id: Uint8Array): boolean {
  const message = packet.subarray(((packet[0] ?? 0) & 0x0f) * 4);
  const quoted = message.subarray(ICMP_HEADER_LENGTH);
  return packet[9] === ICMP && message[0] === ICMP_TIME_EXCEEDED && message[1] === REASSEMBLY &&
    quoted[4] === id[0] && quoted[5] === id[1];
}
