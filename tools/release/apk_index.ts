import { Buffer } from "node:buffer";
import { createHash, createSign } from "node:crypto";
import { gzipSync, inflateRawSync } from "node:zlib";
import { must } from "../command.ts";
import { filesIn } from "./indexes.ts";
import { apkKeyName } from "./nfpm.ts";

/** Bytes of a gzip header without a name, and of what follows the compressed data. */
const GZIP_HEADER = 10;
const GZIP_TRAILER = 8;
const TAR_BLOCK = 512;

/** The letters of an index for the fields of .PKGINFO, in their order. */
const LETTERS = {
  pkgname: "P",
  pkgver: "V",
  arch: "A",
  size: "I",
  pkgdesc: "T",
  url: "U",
  license: "L",
  origin: "o",
  builddate: "t",
  depend: "D",
} as const;

/**
 * Writes the index of a repository for apk's second version, which its third reads, too: APKINDEX.tar.gz.
 *
 * @param folder with the apks
 * @param time Unix seconds
 * @param key see `Keys.apk`
 */
export async function indexForApk(folder: string, time: number, key: string | null): Promise<void> {
  const paragraphs = [];
  for (const path of await filesIn(folder, ".apk")) paragraphs.push(describeApk(await Deno.readFile(path)));
  const index = gzipSync(await tarOf("APKINDEX", `${paragraphs.join("\n")}\n`, time), { level: 9 });
  const signature = key === null ? [] : [await signatureOf(index, key, time)];
  await Deno.writeFile(`${folder}/APKINDEX.tar.gz`, Buffer.concat([...signature, index]));
}

/** The paragraph of an index for a package. @throws {Error} when it is none of apk's second version */
export function describeApk(apk: Uint8Array): string {
  // A signed one begins with its signature.
  const first = memberOf(apk, 0);
  const control = first.text.includes(".PKGINFO") ? first : memberOf(apk, first.end);
  const info = /(?<=\0)pkgname = [^\0]*/.exec(control.text)?.[0];
  if (info === undefined) throw new Error("Cannot index an apk: it has no .PKGINFO");
  const sha1 = createHash("sha1").update(apk.subarray(control.start, control.end)).digest("base64");
  const lines = Object.entries(LETTERS).flatMap(([field, letter]) => {
    const values = [...info.matchAll(new RegExp(`^${field} = (.*)$`, "gm"))].map(([, value]) => value);
    return values.length === 0 ? [] : [`${letter}:${values.join(" ")}\n`];
  });
  return `C:Q1${sha1}\n${lines.slice(0, 3).join("")}S:${apk.length}\n${lines.slice(3).join("")}`;
}

/** The member of a gzip file that starts there, and where it ends. */
function memberOf(bytes: Uint8Array, start: number): { text: string; start: number; end: number } {
  const { buffer, engine } = inflateRawSync(bytes.subarray(start + GZIP_HEADER), {
    info: true,
  }) as unknown as {
    readonly buffer: Uint8Array;
    readonly engine: { readonly bytesWritten: number };
  };
  return {
    text: new TextDecoder("latin1").decode(buffer),
    start,
    end: start + GZIP_HEADER + engine.bytesWritten + GZIP_TRAILER,
  };
}

/** What apk wants before what is signed: an archive of one file that does not say where it ends. */
async function signatureOf(signed: Uint8Array, key: string, time: number): Promise<Uint8Array> {
  const signature = createSign("RSA-SHA1").update(signed).sign(await Deno.readTextFile(key));
  const archive = await tarOf(`.SIGN.RSA.${apkKeyName(key)}`, signature, time);
  const length = TAR_BLOCK + Math.ceil(signature.length / TAR_BLOCK) * TAR_BLOCK;
  return gzipSync(archive.subarray(0, length), { level: 9 });
}

async function tarOf(name: string, content: string | Uint8Array, time: number): Promise<Uint8Array> {
  const work = await Deno.makeTempDir({ prefix: "ipipou-apk-" });
  try {
    if (typeof content === "string") await Deno.writeTextFile(`${work}/${name}`, content);
    else await Deno.writeFile(`${work}/${name}`, content);
    const same = [
      "--format=ustar",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "--mode=644",
      `--mtime=@${time}`,
    ];
    await must(["tar", ...same, "-C", work, "-cf", `${work}/tar`, name]);
    return await Deno.readFile(`${work}/tar`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}
