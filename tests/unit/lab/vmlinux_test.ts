import assert from "node:assert/strict";
import { zstdCompressSync } from "node:zlib";
import { payloadOf, unpackKernel } from "../../lab/vmlinux.ts";

const XZ = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 1, 2, 3);

/** A bzImage with two sectors of setup, and a payload some bytes after them. */
function bzImage(compressed: Uint8Array): Uint8Array {
  const start = 3 * 512 + 7;
  const image = new Uint8Array(start + compressed.length + 4 + 100).fill(0xaa);
  const view = new DataView(image.buffer);
  view.setUint8(0x1f1, 2);
  image.set(new TextEncoder().encode("HdrS"), 0x202);
  view.setUint32(0x248, 7, true);
  view.setUint32(0x24c, compressed.length + 4, true);
  image.set(compressed, start);
  return image;
}

Deno.test("payloadOf() finds the compressed kernel, without the size after it", () => {
  assert.deepEqual(payloadOf(bzImage(XZ)), { compression: "xz", data: XZ });
});

Deno.test("payloadOf() refuses what is no bzImage, and what it cannot unpack", () => {
  assert.throws(() => payloadOf(new Uint8Array(10)), /not a bzImage/);
  assert.throws(() => payloadOf(new Uint8Array(10_000)), /not a bzImage/);
  assert.throws(() => payloadOf(bzImage(Uint8Array.of(0x1f, 0x8b))), /neither xz nor zstd/);
});

Deno.test("unpackKernel() writes the kernel as it was", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const kernel = crypto.getRandomValues(new Uint8Array(1000));
    await Deno.writeFile(`${directory}/vmlinuz`, bzImage(zstdCompressSync(kernel)));
    await unpackKernel(`${directory}/vmlinuz`, `${directory}/vmlinux`);
    assert.deepEqual(await Deno.readFile(`${directory}/vmlinux`), kernel);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
