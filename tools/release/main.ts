import { dirname } from "node:path";
import { parseArgs } from "node:util";
import config from "../../deno.json" with { type: "json" };
import { isTarget, type Target } from "../base.ts";
import { architectureOf, build } from "../build.ts";
import { must, run } from "../command.ts";
import { say } from "../say.ts";
import { type PackagedFile, packagedFiles, type Release } from "./contents.ts";
import { DEBIAN_ARCHITECTURE, makePackage, type Packager, PREFIX } from "./nfpm.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const DIST = `${ROOT}dist`;

const USAGE = `Usage: deno task packages [OPTION]...
Makes packages in dist: deb and rpm (this needs Go, for nfpm) and tar.gz, for x86_64 and aarch64.

  --format deb|rpm|tar.gz    only this one; may be repeated
  --target TARGET            only for this one of x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu
  --help                     print this`;

const FORMATS = ["deb", "rpm", "tar.gz"] as const;

/** What can be made. */
type Format = typeof FORMATS[number];

/** Where the files of a tar.gz are to be unpacked. */
const LOCAL_PREFIX = "/usr/local";

/** How each world calls a package. */
const NAMES: Record<Format, (version: string, target: Target) => string> = {
  deb: (version, target) => `ipipou_${version}_${DEBIAN_ARCHITECTURE[target]}.deb`,
  rpm: (version, target) => `ipipou-${version}-1.${architectureOf(target)}.rpm`,
  "tar.gz": (version, target) => `ipipou-${version}-linux-${architectureOf(target)}.tar.gz`,
};

/** One package to be made. */
export interface PackageRequest {
  readonly format: Format;
  readonly target: Target;
  /** Otherwise the one in deno.json. */
  readonly version?: string;
  /** Absolute path of a directory; otherwise dist. */
  readonly folder?: string;
}

/** Where a package is made. */
export function pathOf({ format, target, version = config.version, folder = DIST }: PackageRequest): string {
  return `${folder}/${NAMES[format](version, target)}`;
}

/**
 * Makes a package.
 *
 * @param executable the path of what `build` made for the target
 * @throws {Error} when it cannot be made
 */
export async function makeOne(request: PackageRequest, executable: string): Promise<void> {
  const { format, target, version = config.version, folder = DIST } = request;
  const release = { version, time: await sourceTime(), executable };
  const output = pathOf(request);
  say(`Making ${output}`);
  await Deno.mkdir(folder, { recursive: true });
  const staged = await Deno.makeTempDir({ dir: folder, prefix: "new-" });
  try {
    await (format === "tar.gz"
      ? makeTar(release, staged, output)
      : makeFor(format, target, release, staged, output));
  } finally {
    await Deno.remove(staged, { recursive: true });
  }
}

async function makeFor(
  packager: Packager,
  target: Target,
  release: Release,
  staged: string,
  output: string,
): Promise<void> {
  const files = await packagedFiles(release, PREFIX);
  await stage(files, staged);
  await makePackage({ packager, target, release, files, staged }, output);
}

async function makeTar(release: Release, staged: string, output: string): Promise<void> {
  const top = `ipipou-${release.version}`;
  await stage(await packagedFiles(release, LOCAL_PREFIX), `${staged}/${top}`);
  const same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", `--mtime=@${release.time}`];
  await must(["tar", "-C", staged, ...same, "--use-compress-program=gzip -9n", "-cf", output, top]);
}

async function stage(files: readonly PackagedFile[], folder: string): Promise<void> {
  for (const { path, content, executable } of files) {
    const place = `${folder}/${path}`;
    await Deno.mkdir(dirname(place), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(place, content);
    else if (content instanceof Uint8Array) await Deno.writeFile(place, content);
    else await Deno.copyFile(content.file, place);
    await Deno.chmod(place, executable ? 0o755 : 0o644);
  }
}

/** When the sources were last changed, in seconds since 1970: that of the commit, or what $SOURCE_DATE_EPOCH says. */
async function sourceTime(): Promise<number> {
  const given = Deno.env.get("SOURCE_DATE_EPOCH");
  const text = given ?? (await run(["git", "-C", ROOT, "log", "-1", "--format=%ct"])).stdout;
  const time = Number(text);
  return text.trim() !== "" && Number.isInteger(time) ? time : Math.floor(Date.now() / 1000);
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
