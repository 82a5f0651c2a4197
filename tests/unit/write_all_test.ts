import assert from "node:assert/strict";
import { writeAll } from "../../lib/write_all.ts";

const TEXT = "grün: a text with more bytes than characters";

/** A stream that takes at most so many bytes at a time, then all; null: it would have to wait. */
function narrow(takes: readonly (number | null)[]) {
  const written: number[] = [];
  const left = [...takes];
  const writeSync = (bytes: Uint8Array) => {
    const count = left.length > 0 ? left.shift()! : bytes.length;
    if (count === null) throw new Deno.errors.WouldBlock();
    const part = bytes.subarray(0, count);
    written.push(...part);
    return part.length;
  };
  return { writeSync, text: () => new TextDecoder().decode(new Uint8Array(written)) };
}

Deno.test("writeAll() writes what the stream does not take at once, and waits where it takes nothing", () => {
  for (const takes of [[], [3, 1, 7], [4, null, null, 5, null], [null]]) {
    const stream = narrow(takes);
    let waits = 0;
    writeAll(stream, TEXT, () => waits++);
    assert.deepEqual([stream.text(), waits], [TEXT, takes.filter((take) => take === null).length]);
  }
});

Deno.test("writeAll() throws what else keeps the stream from it", () => {
  const writeSync = () => {
    throw new Deno.errors.BrokenPipe("nobody reads");
  };
  assert.throws(() => writeAll({ writeSync }, TEXT, () => assert.fail("it waits")), /nobody reads/);
});
