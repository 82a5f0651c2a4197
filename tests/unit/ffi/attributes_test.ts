import assert from "node:assert/strict";
import { Attributes } from "../../../ffi/attributes.ts";
import { NetlinkEncoder } from "../../../ffi/netlink_encoding.ts";
import { messagesIn, viewOf } from "../../../ffi/netlink_messages.ts";

/** Attributes, as they are in the middle of a buffer. */
function read(write: (encoder: NetlinkEncoder) => void): Attributes {
  const encoder = new NetlinkEncoder();
  write(encoder);
  const buffer = new Uint8Array(encoder.bytes.length + 24);
  buffer.set(encoder.bytes, 12);
  return new Attributes(viewOf(buffer.subarray(12, 12 + encoder.bytes.length)), 0);
}

Deno.test("Attributes end where the one ends that they are in", () => {
  const outer = read((encoder) => {
    encoder.nested(1, () => encoder.attribute(2, () => encoder.hostWord(7)));
    encoder.attribute(3, () => encoder.hostWord(8));
    // One that says that it goes on behind the end of the one it is in.
    encoder.attribute(4, () => encoder.raw(new Uint8Array(new Uint16Array([12, 5]).buffer)));
    encoder.attribute(6, () => encoder.hostWord(9));
  });
  const inner = outer.nested(1);
  assert.deepEqual([inner.word(2), inner.word(3), inner.each(3)], [7, undefined, []]);
  assert.deepEqual([outer.nested(4).bytes(5), outer.nested(9).word(6)], [undefined, undefined]);
  assert.deepEqual([outer.word(3), outer.word(6)], [8, 9]);
});

Deno.test("Attributes have the size of their type, or count as missing", () => {
  const sizes = [1, 2, 4, 8];
  const attributes = read((encoder) => {
    for (const size of [...sizes, 3]) encoder.attribute(size, () => encoder.fill(encoder.length + size));
  });
  const readers = {
    byte: [1],
    short: [2],
    port: [2],
    word: [4],
    networkWord: [4],
    ip: [4],
    networkLong: [8],
  } as const;
  for (const [name, fitting] of Object.entries(readers)) {
    const found = [...sizes, 3].filter((size) =>
      attributes[name as keyof typeof readers](size) !== undefined
    );
    assert.deepEqual(found, fitting, name);
  }
});

Deno.test("Attributes and messages are read where they are in a buffer", () => {
  const attributes = read((encoder) => {
    for (const value of [1, 2]) encoder.attribute(1, () => encoder.raw([value, value]));
  });
  assert.deepEqual(attributes.each(1), [Uint8Array.of(1, 1), Uint8Array.of(2, 2)]);
  const encoder = new NetlinkEncoder();
  encoder.message({ type: 16, flags: 0, sequence: 5 }, [1, 2, 3, 4]);
  const { bytes } = encoder.message({ type: 17, flags: 0, sequence: 6 }, [5, 6, 7, 8]);
  const buffer = new Uint8Array([0, 0, 0, 0, ...bytes, 0, 0]);
  const found = messagesIn(buffer.subarray(4)).map((message) =>
    message && [message.type, message.sequence, message.body.getUint8(0), message.body.byteLength]
  );
  assert.deepEqual(found, [[16, 5, 1, 4], [17, 6, 5, 4], null]);
});
