import assert from "node:assert/strict";
import { NetlinkEncoder } from "../../../ffi/netlink_encoding.ts";
import { parseQueueMessages } from "../../../ffi/queue_messages.ts";
import { queuedPacket } from "./queue_samples.ts";

const ID = 0xfedc_ba98;
const BYTES = Uint8Array.of(0x45, 0, 0, 23, 1, 2, 3);

/** The offset of the attribute with the packet's bytes. */
function payloadOf(datagram: Uint8Array): number {
  return datagram.length - 4 - 8;
}

Deno.test("parseQueueMessages() copies the packet, which outlives its datagram", () => {
  const datagram = queuedPacket(ID, BYTES);
  const packets = parseQueueMessages(datagram);
  datagram.fill(0);
  assert.deepEqual(packets, [{ kind: "packet", id: ID, bytes: BYTES }]);
});

Deno.test("parseQueueMessages() takes every packet of a datagram, also one without bytes", () => {
  const both = Uint8Array.of(...queuedPacket(1, null), ...queuedPacket(2, BYTES));
  assert.deepEqual(parseQueueMessages(both), [
    { kind: "packet", id: 1, bytes: null },
    { kind: "packet", id: 2, bytes: BYTES },
  ]);
});

Deno.test("parseQueueMessages() takes no bytes that are not the packet's", () => {
  const beyond = queuedPacket(ID, BYTES);
  new DataView(beyond.buffer).setUint16(payloadOf(beyond), 4 + 9, true);
  const nested = queuedPacket(ID, BYTES);
  new DataView(nested.buffer).setUint16(payloadOf(nested), 3, true);
  for (const datagram of [beyond, nested]) {
    assert.deepEqual(parseQueueMessages(datagram), [{ kind: "packet", id: ID, bytes: null }]);
  }
  // What is behind the message, as an earlier one in the same buffer, is not read.
  const short = queuedPacket(ID, BYTES);
  new DataView(short.buffer).setUint32(0, payloadOf(short), true);
  assert.deepEqual(parseQueueMessages(short), [{ kind: "packet", id: ID, bytes: null }]);
});

Deno.test("parseQueueMessages() leaves out what is neither packet nor answer", () => {
  const whole = queuedPacket(ID, BYTES);
  for (let length = 0; length < whole.length; length++) {
    assert.deepEqual(parseQueueMessages(whole.subarray(0, length)), [], `${length} bytes`);
  }
  const withType = (type: number) => {
    const datagram = queuedPacket(ID, BYTES);
    new DataView(datagram.buffer).setUint16(4, type, true);
    return datagram;
  };
  // A verdict, NLMSG_NOOP and NLMSG_OVERRUN.
  for (const type of [0x301, 1, 4]) assert.deepEqual(parseQueueMessages(withType(type)), []);
  const message = (header: number[], write: (encoder: NetlinkEncoder) => void = () => {}) => {
    const encoder = new NetlinkEncoder();
    return encoder.message({ type: 0x300, flags: 0, sequence: 0 }, header, () => write(encoder)).bytes;
  };
  assert.deepEqual(parseQueueMessages(message([])), [], "no struct nfgenmsg");
  const withoutId = message([2, 0, 0, 0], (encoder) => {
    encoder.attribute(1, () => encoder.raw([0, 0, 1]));
    encoder.attribute(10, () => encoder.raw(BYTES));
  });
  assert.deepEqual(parseQueueMessages(withoutId), []);
});

Deno.test("parseQueueMessages() tells what the kernel answered", () => {
  const error = new NetlinkEncoder();
  error.message(
    { type: 2, flags: 0, sequence: 0 },
    [0xfe, 0xff, 0xff, 0xff],
    () => error.raw(new Uint8Array(16)),
  );
  const both = Uint8Array.of(...error.bytes, ...queuedPacket(1, BYTES));
  assert.deepEqual(parseQueueMessages(both), [
    { kind: "answer", errno: 2 },
    { kind: "packet", id: 1, bytes: BYTES },
  ]);
  assert.deepEqual(parseQueueMessages(error.bytes.subarray(0, 18)), [], "no whole message");
});
