import { zstdDecompressSync } from "node:zlib";
import { must } from "../../tools/command.ts";

/** Where a bzImage has what, in bytes from its start (Documentation/arch/x86/boot.rst, protocol 2.08 and later). */
const SETUP_SECTORS = 0x1f1;
const MAGIC = 0x202;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
/** After the compressed data, the kernel's build appends the size of the uncompressed kernel. */
const SIZE_LENGTH = 4;

type Compression = "xz" | "zstd";
const SIGNATURES: Record<Compression, readonly number[]> = {
  xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
};

/** Finds the compressed kernel in a bzImage (`vmlinuz`). Throws an Error for any other file or compression. */
export function payloadOf(image: Uint8Array): { compression: Compression; data: Uint8Array } {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (
    image.length < PAYLOAD_LENGTH + 4 || new TextDecoder().decode(image.slice(MAGIC, MAGIC + 4)) !== "HdrS"
  ) {
    throw new Error("Cannot unpack the kernel: not a bzImage");
  }
  const start = (view.getUint8(SETUP_SECTORS) + 1) * 512 + view.getUint32(PAYLOAD_OFFSET, true);
  const data = image.subarray(start, start + view.getUint32(PAYLOAD_LENGTH, true) - SIZE_LENGTH);
  for (const compression of ["xz", "zstd"] as const) {
    if (SIGNATURES[compression].every((byte, index) => data[index] === byte)) return { compression, data };
  }
  throw new Error("Cannot unpack the kernel: compressed with neither xz nor zstd");
}

/** Writes the uncompressed kernel of a bzImage; `xz` must be installed. */
export async function unpackKernel(vmlinuz: string, vmlinux: string): Promise<void> {
  const { compression, data } = payloadOf(await Deno.readFile(vmlinuz));
  if (compression === "zstd") return await Deno.writeFile(vmlinux, zstdDecompressSync(data));
  await Deno.writeFile(`${vmlinux}.xz`, data);
  await must(["xz", "--decompress", `${vmlinux}.xz`]);
}
