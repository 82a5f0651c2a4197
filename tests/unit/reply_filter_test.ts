import assert from "node:assert/strict";
import fc from "fast-check";
import { looksLikeInnerPacket } from "../../lib/auth/scheme.ts";
import { buildUdpPacket } from "../../lib/packet.ts";
import { type BpfInstruction, replyFilter, TAKE_NOTHING } from "../../lib/reply_filter.ts";
import { innerPacket } from "./pair.ts";

const SERVER = { ip: "192.0.2.1", port: 10_001 };
const OWN = { ip: "10.0.1.2", port: 10_002 };
const LENGTHS = [0, 11, 19, 20, 73, 1472];

/** Runs a program as the kernel does, with the instructions that it may be made of. */
function run(program: readonly BpfInstruction[], packet: Uint8Array): number {
  let [accumulator, index] = [0, 0];
  for (let at = 0; at < program.length; at++) {
    const { code, jt, jf, k } = program[at]!;
    const load = (bytes: number, offset: number) => {
      if (offset + bytes > packet.length) return false;
      accumulator = packet.slice(offset, offset + bytes).reduce((sum, byte) => sum * 256 + byte, 0);
      return true;
    };
    switch (code) {
      case 0x06: // BPF_RET | BPF_K
        return k;
      case 0x15: // BPF_JMP | BPF_JEQ | BPF_K
        at += accumulator === k ? jt : jf;
        break;
      case 0x20: // BPF_LD | BPF_W | BPF_ABS
        if (!load(4, k)) return 0;
        break;
      case 0x40: // BPF_LD | BPF_W | BPF_IND
        if (!load(4, index + k)) return 0;
        break;
      case 0x48: // BPF_LD | BPF_H | BPF_IND
        if (!load(2, index + k)) return 0;
        break;
      case 0x50: // BPF_LD | BPF_B | BPF_IND
        if (!load(1, index + k)) return 0;
        break;
      case 0x54: // BPF_ALU | BPF_AND | BPF_K
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0xb1: // BPF_LDX | BPF_B | BPF_MSH
        index = (packet[k]! & 0x0f) * 4;
        break;
      default:
        assert.fail(`no such instruction: ${code}`);
    }
  }
  assert.fail("the program has no end");
}

function filterFor(payloadLength: number): readonly BpfInstruction[] {
  return replyFilter({ source: { ip: 0xc000_0201, port: SERVER.port }, port: OWN.port, payloadLength });
}

function takes(payloadLength: number, packet: Uint8Array): boolean {
  return run(filterFor(payloadLength), packet) > 0;
}

function reply(payload: Uint8Array, fields: { source?: typeof SERVER; destination?: typeof OWN } = {}) {
  return buildUdpPacket({ source: SERVER, destination: OWN, ...fields, payload }, 64);
}

Deno.test("replyFilter() accepts whole replies, also after IP options", () => {
  for (const length of LENGTHS) {
    const packet = reply(new Uint8Array(length));
    assert.ok(run(filterFor(length), packet) >= packet.length);
    const options = new Uint8Array([...packet.slice(0, 20), ...new Uint8Array(40), ...packet.slice(20)]);
    options[0] = 0x4f;
    assert.equal(takes(length, options), true);
  }
});

Deno.test("replyFilter() rejects another source, another destination, and another length", () => {
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

Deno.test("replyFilter() rejects tunnelled data of a reply's length", () => {
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

Deno.test("replyFilter() rejects packets truncated before their length", () => {
  const packet = reply(new Uint8Array(73));
  for (let length = 1; length < 26; length++) assert.equal(takes(73, packet.slice(0, length)), false);
});

Deno.test("TAKE_NOTHING rejects everything", () => {
  assert.equal(run(TAKE_NOTHING, reply(new Uint8Array(73))), 0);
});
