import { dirname } from "node:path";
import { parseArgs } from "node:util";
import config from "../../deno.json" with { type: "json" };
import { isTarget, type Target } from "../base.ts";
import { architectureOf, build } from "../build.ts";
import { bundle } from "../bundle.ts";
import { must, run } from "../command.ts";
import { say } from "../say.ts";
import {
  alpineFiles,
  below,
  openwrtFiles,
  type PackagedFile,
  packagedFiles,
  type Release,
} from "./contents.ts";
import type { Keys } from "./keys.ts";
import { makePackage } from "./nfpm.ts";
import { type Distribution, DISTRIBUTIONS } from "./distributions.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const DIST = `${ROOT}dist`;

const USAGE = `Usage: deno task packages [OPTION]...
Makes packages in dist: deb, rpm, for Alpine and for OpenWrt (these need Go, for nfpm), and tar.gz; for x86_64 and
aarch64.

  --format FORMAT    only this format: deb, rpm, alpine.apk, openwrt.ipk, openwrt.apk, tar.gz; may be repeated
  --target TARGET    only for x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu
  --help             print this

They are not signed: deno task release does that.`;

/** Formats that can be made. */
type Format = Distribution | "tar.gz";
const FORMATS = [...Object.keys(DISTRIBUTIONS) as Distribution[], "tar.gz"] as const;

/** A package to make. */
export interface PackageRequest {
  readonly format: Format;
  readonly target: Target;
  /** Default: the one in deno.json. */
  readonly version?: string;
  /** Absolute path of the output directory. Default: dist. */
  readonly folder?: string;
  /** Default: it is not signed. */
  readonly keys?: Keys;
}

const NO_KEYS: Keys = { openpgp: null, apk: null, opkg: null };

/** The path of a package. */
export function pathOf({ format, target, version = config.version, folder = DIST }: PackageRequest): string {
  const name = format === "tar.gz"
    ? `ipipou-${version}-linux-${architectureOf(target)}.tar.gz`
    : DISTRIBUTIONS[format].name(version, target);
  return `${folder}/${name}`;
}

/**
 * Makes a package.
 *
 * @param executable the path of the target's executable
 * @throws {Error} when it cannot be made
 */
export async function makeOne(request: PackageRequest, executable: string): Promise<void> {
  const { format, target, version = config.version, folder = DIST, keys = NO_KEYS } = request;
  const release = { version, time: await sourceTime() };
  const output = pathOf(request);
  say(`Making ${output}`);
  await Deno.mkdir(folder, { recursive: true });
  const staged = await Deno.makeTempDir({ dir: folder, prefix: "new-" });
  try {
    if (format === "tar.gz") return await makeTar(release, executable, staged, output);
    const files = await filesFor(format, target, release, executable, staged);
    await stage(files, `${staged}/files`);
    const options = { distribution: format, target, release, files, staged: `${staged}/files`, keys };
    await makePackage(options, output);
    if (format === "deb") await compressDeb(output, staged, release);
  } finally {
    await Deno.remove(staged, { recursive: true });
  }
}

/** A package's files, relative to the root. @param work a folder to unpack things in */
async function filesFor(
  distribution: Distribution,
  target: Target,
  release: Release,
  executable: string,
  work: string,
): Promise<PackagedFile[]> {
  if (distribution === "deb" || distribution === "rpm") {
    return below("usr", await packagedFiles(release, executable, "/usr"));
  }
  await must(["tar", "-xzf", await bundle(target), "-C", work]);
  const unpacked = `${work}/ipipou`;
  return distribution === "alpine.apk" ? await alpineFiles(release, unpacked) : await openwrtFiles(unpacked);
}

/** Packs a deb as small as dpkg of all releases can read it: nfpm has one level of xz, which makes it larger. */
async function compressDeb(path: string, work: string, { time }: Release): Promise<void> {
  await must(["dpkg-deb", "--raw-extract", path, `${work}/deb`]);
  const xz = ["-Zxz", "-z9", "-Sextreme"];
  await must(["dpkg-deb", "--root-owner-group", ...xz, "--build", `${work}/deb`, path], {
    env: { SOURCE_DATE_EPOCH: String(time) },
  });
}

/** Makes the archive that is unpacked in /usr/local. */
async function makeTar(release: Release, executable: string, staged: string, output: string): Promise<void> {
  const top = `ipipou-${release.version}`;
  await stage(await packagedFiles(release, executable, "/usr/local"), `${staged}/${top}`);
  const same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", `--mtime=@${release.time}`];
  await must(["tar", "-C", staged, ...same, "--use-compress-program=gzip -9n", "-cf", output, top]);
}

async function stage(files: readonly PackagedFile[], folder: string): Promise<void> {
  for (const { path, content, executable } of files) {
    const place = `${folder}/${path}`;
    await Deno.mkdir(dirname(place), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(place, content);
    else if (content instanceof Uint8Array) await Deno.writeFile(place, content);
    else if ("file" in content) await Deno.copyFile(content.file, place);
    else continue;
    await Deno.chmod(place, executable ? 0o755 : 0o644);
  }
}

/**
 * Time of the sources in Unix seconds: the commit's, or the time of now where there is none.
 *
 * @param given in place of the commit's, if not empty
 * @throws {Error} when that is no time
 */
export async function sourceTime(given = Deno.env.get("SOURCE_DATE_EPOCH")): Promise<number> {
  if (given) {
    if (/^\d{1,11}$/.test(given)) return Number(given);
    throw new Error(`SOURCE_DATE_EPOCH must be Unix seconds: ${given}`);
  }
  const { code, stdout } = await run(["git", "-C", ROOT, "log", "-1", "--format=%ct"]);
  return code === 0 ? Number(stdout) : Math.floor(Date.now() / 1000);
}

async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      format: { type: "string", multiple: true, default: [...FORMATS] },
      target: {
        type: "string",
        multiple: true,
        default: ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"],
      },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return say(USAGE);
  const formats = values.format.map((format) => {
    if (!isFormat(format)) throw new Error(`Cannot make a package of format ${format}\n${USAGE}`);
    return format;
  });
  for (const target of values.target) {
    if (!isTarget(target)) throw new Error(`Cannot make packages for ${target}\n${USAGE}`);
    const { path: executable } = await build(target);
    for (const format of formats) await makeOne({ format, target }, executable);
  }
}

function isFormat(name: string): name is Format {
  return FORMATS.some((format) => format === name);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}
