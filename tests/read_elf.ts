import assert from "node:assert/strict";

/** As much as the header of a 64-bit little-endian ELF file says of its program headers, in bytes from its start. */
const TABLE = 0x20;
const ENTRY_SIZE = 0x36;
const ENTRIES = 0x38;
/** Type and alignment in a program header; the type of a segment that is mapped into memory. */
const TYPE = 0;
const ALIGNMENT = 0x30;
const LOAD = 1;

/** The largest pages that a kernel for aarch64 can have. */
const LARGEST_PAGE = 65536;

/**
 * Checks that no two segments of a program or library share a page, however large pages are: none is aligned to less than
 * 64 KiB.
 */
export async function fitsAllPages(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  const view = new DataView(bytes.buffer);
  const table = Number(view.getBigUint64(TABLE, true));
  const headers = Array.from(
    { length: view.getUint16(ENTRIES, true) },
    (_, index) => table + index * view.getUint16(ENTRY_SIZE, true),
  );
  const alignments = headers.filter((at) => view.getUint32(at + TYPE, true) === LOAD)
    .map((at) => Number(view.getBigUint64(at + ALIGNMENT, true)));
  assert.ok(alignments.length > 0, `${path} has no segments`);
  for (const alignment of alignments) assert.ok(alignment >= LARGEST_PAGE, `${path}: ${alignment}`);
}
