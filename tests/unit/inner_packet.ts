/** The bytes of an IPv4 packet of that length with nothing in it. */
export function innerPacket(length: number): Uint8Array {
  const packet = new Uint8Array(length);
  packet.set([0x45, 0, length >> 8, length & 0xff]);
  return packet;
}
