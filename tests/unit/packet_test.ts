import assert from "node:assert/strict";
import fc from "fast-check";
import {
  buildPing,
  buildUdpPacket,
  type Datagram,
  formatEndpoint,
  MAX_HEADERS_LENGTH,
  parseUdpPacket,
} from "../../lib/packet.ts";

const SAMPLE: Datagram = {
  source: { ip: "198.51.100.2", port: 40001 },
  destination: { ip: "192.0.2.1", port: 10000 },
  payload: new Uint8Array([1, 2, 3, 4, 5]),
};
const CHECKSUM_OFFSET = 26;

const endpointArbitrary = fc.record({ ip: fc.ipV4(), port: fc.nat(65_535) }, { noNullPrototype: true });
const datagramArbitrary = fc.record({
  source: endpointArbitrary,
  destination: endpointArbitrary,
  payload: fc.uint8Array({ maxLength: 1_472, size: "max" }),
}, { noNullPrototype: true });

/** The ones' complement sum of the bytes that a UDP checksum covers, its own field included. */
function sumOfUdp(packet: Uint8Array): number {
  const udp = packet.slice(20);
  const padded = udp.length % 2 === 0 ? udp : new Uint8Array([...udp, 0]);
  const bytes = new Uint8Array([
    ...packet.slice(12, 20),
    0,
    17,
    udp.length >> 8,
    udp.length & 255,
    ...padded,
  ]);
  const view = new DataView(bytes.buffer);
  let sum = 0;
  for (let offset = 0; offset < bytes.length; offset += 2) {
    sum += view.getUint16(offset);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** A packet with so many words of IP options put in. */
function withOptions(packet: Uint8Array, words: number): Uint8Array {
  const longer = new Uint8Array([...packet.slice(0, 20), ...new Uint8Array(4 * words), ...packet.slice(20)]);
  longer[0] = 0x45 + words;
  return longer;
}

/** The sample packet with some bytes changed. */
function changed(bytes: Readonly<Record<number, number>>): Uint8Array {
  const packet = buildUdpPacket(SAMPLE, 64);
  for (const [offset, byte] of Object.entries(bytes)) packet[Number(offset)] = byte;
  return packet;
}

Deno.test("formatEndpoint() formats address and port", () => {
  assert.equal(formatEndpoint(SAMPLE.source), "198.51.100.2:40001");
});

Deno.test("buildUdpPacket() lays out the headers of RFC 791 and RFC 768", () => {
  const packet = buildUdpPacket(SAMPLE, 77);
  assert.deepEqual([...packet.slice(0, 20)], [
    ...[0x45, 0, 0, 33, 0, 0, 0, 0, 77, 17, 0, 0],
    ...[198, 51, 100, 2, 192, 0, 2, 1],
  ]);
  assert.deepEqual([...packet.slice(20, CHECKSUM_OFFSET)], [0x9c, 0x41, 0x27, 0x10, 0, 13]);
  assert.deepEqual(packet.slice(28), SAMPLE.payload);
});

Deno.test("buildUdpPacket() and parseUdpPacket() are inverse", () => {
  fc.assert(fc.property(datagramArbitrary, fc.integer({ min: 1, max: 255 }), (datagram, ttl) => {
    assert.deepEqual(parseUdpPacket(buildUdpPacket(datagram, ttl)), datagram);
  }));
});

Deno.test("buildUdpPacket() computes a correct UDP checksum", () => {
  fc.assert(fc.property(datagramArbitrary, (datagram) => {
    const packet = buildUdpPacket(datagram, 64);
    assert.equal(sumOfUdp(packet), 0xffff);
    assert.notDeepEqual([...packet.slice(CHECKSUM_OFFSET, CHECKSUM_OFFSET + 2)], [0, 0]);
  }));
});

Deno.test("buildUdpPacket() writes the checksum 0 as 0xffff, since 0 means none", () => {
  const balanced = buildUdpPacket({ ...SAMPLE, payload: new Uint8Array(2) }, 64);
  const payload = balanced.slice(CHECKSUM_OFFSET, CHECKSUM_OFFSET + 2);
  const packet = buildUdpPacket({ ...SAMPLE, payload }, 64);
  assert.deepEqual([...packet.slice(CHECKSUM_OFFSET, CHECKSUM_OFFSET + 2)], [0xff, 0xff]);
});

Deno.test("parseUdpPacket() finds the datagram behind IP options", () => {
  const plain = buildUdpPacket(SAMPLE, 64);
  for (const words of [1, 10]) {
    const packet = withOptions(plain, words);
    assert.deepEqual(parseUdpPacket(packet), SAMPLE);
    if (words === 10) assert.equal(packet.length - SAMPLE.payload.length, MAX_HEADERS_LENGTH);
  }
});

Deno.test("parseUdpPacket() ignores what follows the UDP length", () => {
  fc.assert(fc.property(datagramArbitrary, fc.uint8Array({ maxLength: 50 }), (datagram, padding) => {
    const packet = new Uint8Array([...buildUdpPacket(datagram, 64), ...padding]);
    assert.deepEqual(parseUdpPacket(packet), datagram);
  }));
});

Deno.test("parseUdpPacket() reads a view into a larger buffer", () => {
  const packet = buildUdpPacket(SAMPLE, 64);
  const buffer = new Uint8Array([9, 9, 9, ...packet, 9]);
  assert.deepEqual(parseUdpPacket(buffer.subarray(3, 3 + packet.length)), SAMPLE);
});

Deno.test("parseUdpPacket() returns a payload independent of the packet's buffer", () => {
  const packet = buildUdpPacket(SAMPLE, 64);
  const payload = parseUdpPacket(packet)?.payload;
  packet.fill(0xee);
  assert.deepEqual(payload, SAMPLE.payload);
});

Deno.test("parseUdpPacket() refuses anything but a whole UDP datagram", () => {
  const bad: Record<string, Uint8Array> = {
    "IPv6": changed({ 0: 0x65 }),
    "a header of 16 bytes": changed({ 0: 0x44 }),
    "a header longer than the packet": changed({ 0: 0x4f }),
    "TCP": changed({ 9: 6 }),
    "a first fragment": changed({ 6: 0x20 }),
    "a later fragment": changed({ 7: 1 }),
    "a much later fragment": changed({ 6: 0x10 }),
    "a UDP length below its header's": changed({ 25: 7 }),
    "a UDP length beyond the packet": changed({ 25: 14 }),
  };
  for (const [what, packet] of Object.entries(bad)) assert.equal(parseUdpPacket(packet), null, what);
  assert.deepEqual(parseUdpPacket(changed({ 6: 0x40 })), SAMPLE, "Don't Fragment is no fragment");
});

Deno.test("parseUdpPacket() reads an empty datagram", () => {
  const empty = { ...SAMPLE, payload: new Uint8Array() };
  assert.deepEqual(parseUdpPacket(buildUdpPacket(empty, 64)), empty);
});

Deno.test("parseUdpPacket() refuses a packet truncated anywhere, with or without IP options", () => {
  for (const words of [0, 1, 10]) {
    const packet = withOptions(buildUdpPacket(SAMPLE, 64), words);
    for (let length = 0; length < packet.length; length++) {
      assert.equal(parseUdpPacket(packet.slice(0, length)), null, `${length} bytes`);
    }
  }
});

Deno.test("parseUdpPacket() never throws, and returns no more than there is", () => {
  const almost = fc.tuple(fc.uint8Array({ maxLength: 60 }), datagramArbitrary, fc.nat(40)).map(
    ([noise, datagram, at]) => {
      const packet = buildUdpPacket(datagram, 64);
      packet.set(noise.slice(0, Math.max(0, packet.length - at)), Math.min(at, packet.length));
      return packet;
    },
  );
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), almost), (bytes) => {
      const datagram = parseUdpPacket(bytes);
      if (datagram !== null) assert.ok(datagram.payload.length <= bytes.length - 28);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("buildPing() makes an echo request with a right checksum", () => {
  const packet = buildPing("172.28.0.3", "172.28.0.2", Uint8Array.of(0x12, 0x34, 0x00, 0x01), 64);
  assert.deepEqual([...packet], [
    ...[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0],
    ...[172, 28, 0, 3, 172, 28, 0, 2],
    // 0x0800 + 0x1234 + 0x0001, and all bits turned round
    ...[8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1],
  ]);
});

Deno.test("buildPing() makes an echo request of any length, which must not be fragmented", () => {
  const packet = buildPing("172.28.0.3", "172.28.0.2", Uint8Array.of(0x12, 0x34, 0x00, 0x01), 64, 1472);
  assert.equal(packet.length, 1472);
  assert.deepEqual([...packet.subarray(2, 7)], [0x05, 0xc0, 0, 0, 0x40]);
  assert.deepEqual([...packet.subarray(20, 28)], [8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1]);
});
