import assert from "node:assert/strict";
import fc from "fast-check";
import { looksLikeInnerPacket } from "../../lib/auth/scheme.ts";
import { buildUdpPacket } from "../../lib/packet.ts";
import { type BpfInstruction, replyFilter, TAKE_NOTHING } from "../../lib/reply_filter.ts";
import { runBpf } from "./fake/bpf.ts";
import { innerPacket } from "./inner_packet.ts";

const SERVER = { ip: "192.0.2.1", port: 10_001 };
const OWN = { ip: "10.0.1.2", port: 10_002 };
const LENGTHS = [0, 11, 19, 20, 73, 1472];
const FORM = { source: { ip: 0xc000_0201, port: SERVER.port }, port: OWN.port };

function filterFor(payloadLength: number): readonly BpfInstruction[] {
  return replyFilter({ ...FORM, payloadLengths: [payloadLength] });
}

function takes(payloadLength: number, packet: Uint8Array): boolean {
  return runBpf(filterFor(payloadLength), packet) > 0;
}

function reply(payload: Uint8Array, fields: { source?: typeof SERVER; destination?: typeof OWN } = {}) {
  return buildUdpPacket({ source: SERVER, destination: OWN, ...fields, payload }, 64);
}

Deno.test("replyFilter() takes whole replies, with or without IP options", () => {
  for (const length of LENGTHS) {
    const packet = reply(new Uint8Array(length));
    assert.ok(runBpf(filterFor(length), packet) >= packet.length);
    const options = new Uint8Array([...packet.slice(0, 20), ...new Uint8Array(40), ...packet.slice(20)]);
    options[0] = 0x4f;
    assert.equal(takes(length, options), true);
  }
});

Deno.test("replyFilter() leaves datagrams of another source, destination or length", () => {
  for (const length of LENGTHS) {
    const payload = new Uint8Array(length);
    const others = [
      reply(payload, { source: { ...SERVER, ip: "192.0.2.2" } }),
      reply(payload, { source: { ...SERVER, port: 10_000 } }),
      reply(payload, { destination: { ...OWN, port: 10_001 } }),
      reply(payload, { source: { ...SERVER, port: OWN.port }, destination: { ...OWN, port: SERVER.port } }),
      reply(new Uint8Array(length + 1)),
      ...length > 0 ? [reply(new Uint8Array(length - 1))] : [],
    ];
    for (const [index, other] of others.entries()) assert.equal(takes(length, other), false, `${index}`);
  }
});

Deno.test("replyFilter() leaves tunnel data of a reply's length", () => {
  for (const length of LENGTHS.filter((length) => length >= 20)) {
    assert.equal(takes(length, reply(innerPacket(length))), false);
  }
});

Deno.test("replyFilter() distinguishes data from replies like looksLikeInnerPacket()", () => {
  const first = fc.constantFrom(0x40, 0x45, 0x4f, 0x35, 0x55, 0x60, 0x00);
  const high = fc.constantFrom(0, 1, 5);
  const low = fc.constantFrom(20, 72, 73, 74, 0xc0, 0xff);
  const length = fc.constantFrom(...LENGTHS);
  fc.assert(fc.property(first, high, low, length, (first, high, low, length) => {
    const payload = new Uint8Array(length);
    payload.set([first, 0, high, low].slice(0, length));
    assert.equal(takes(length, reply(payload)), !looksLikeInnerPacket(payload));
  }));
});

Deno.test("replyFilter() takes payloads of either length, also of one twice, and of no other", () => {
  const lengths = fc.constantFrom(...LENGTHS, 79);
  fc.assert(fc.property(lengths, lengths, fc.integer({ min: 0, max: 100 }), (first, second, length) => {
    const filter = replyFilter({ ...FORM, payloadLengths: [first, second] });
    const isOne = length === first || length === second;
    assert.equal(runBpf(filter, reply(new Uint8Array(length))) > 0, isOne);
    if (length >= 20) assert.equal(runBpf(filter, reply(innerPacket(length))), 0);
  }));
});

Deno.test("replyFilter() takes a byte of one in 64 of a server's datagrams with data, where samples are asked for", () => {
  const filter = replyFilter({ ...FORM, payloadLengths: [73, 79], samples: true });
  const taken = (packet: Uint8Array) =>
    Array.from({ length: 128 }, (_, word) => runBpf(filter, packet, () => word)).filter((length) =>
      length > 0
    );
  for (const data of [innerPacket(73), innerPacket(79), innerPacket(1400), new Uint8Array(5)]) {
    assert.deepEqual(taken(reply(data)), [1, 1]);
  }
  for (const length of [73, 79]) assert.equal(taken(reply(new Uint8Array(length))).length, 128);
  const strangers = [
    reply(innerPacket(100), { source: { ...SERVER, ip: "192.0.2.2" } }),
    reply(innerPacket(100), { source: { ...SERVER, port: 10_000 } }),
    reply(innerPacket(100), { destination: { ...OWN, port: 10_001 } }),
  ];
  for (const stranger of strangers) assert.deepEqual(taken(stranger), []);
});

Deno.test("replyFilter() leaves datagrams that are truncated before their length", () => {
  const packet = reply(new Uint8Array(73));
  for (let length = 1; length < 26; length++) assert.equal(takes(73, packet.slice(0, length)), false);
});

Deno.test("TAKE_NOTHING takes nothing", () => {
  assert.equal(runBpf(TAKE_NOTHING, reply(new Uint8Array(73))), 0);
});
