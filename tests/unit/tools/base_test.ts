import assert from "node:assert/strict";
import { elfEnd, requireKnownBase } from "../../../tools/base.ts";

/** The header of a 64-bit little-endian ELF file. */
function elfHeader(sectionTable: bigint, entrySize: number, entries: number): Uint8Array {
  const header = new Uint8Array(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const view = new DataView(header.buffer);
  view.setBigUint64(0x28, sectionTable, true);
  view.setUint16(0x3a, entrySize, true);
  view.setUint16(0x3c, entries, true);
  return header;
}

Deno.test("elfEnd() is the end of the section header table", () => {
  assert.equal(elfEnd(elfHeader(92_181_864n, 64, 32)), 92_183_912);
  assert.equal(elfEnd(elfHeader(5_000_000_000n, 64, 1)), 5_000_000_064);
});

Deno.test("elfEnd() reads a header inside a larger buffer", () => {
  const buffer = new Uint8Array(100);
  buffer.set(elfHeader(1000n, 64, 3), 36);
  assert.equal(elfEnd(buffer.subarray(36)), 1192);
});

Deno.test("elfEnd() of the running Deno is within its file", async () => {
  const bytes = new Uint8Array(64);
  using file = await Deno.open(Deno.execPath());
  await file.read(bytes);
  const end = elfEnd(bytes);
  assert.ok(end > 1_000_000 && end <= (await file.stat()).size, `${end}`);
});

Deno.test("elfEnd() rejects anything but a 64-bit little-endian ELF file", () => {
  const other32 = elfHeader(1000n, 40, 3);
  other32[4] = 1;
  const bigEndian = elfHeader(1000n, 64, 3);
  bigEndian[5] = 2;
  const script = new TextEncoder().encode("#!/bin/sh".padEnd(64));
  for (const header of [other32, bigEndian, script, elfHeader(1000n, 64, 3).subarray(0, 63)]) {
    assert.throws(() => elfEnd(header), /not a 64-bit little-endian ELF file/);
  }
});

Deno.test("requireKnownBase() refuses an executable whose base is not in the table", async () => {
  await assert.rejects(requireKnownBase("/bin/true", "x86_64-unknown-linux-gnu"), {
    message:
      /^Cannot release \/bin\/true: its base binary has the SHA-256 [0-9a-f]{64}, and that of Deno 2\.6\.10 /,
  });
});
