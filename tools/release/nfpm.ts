import { cacheDirectory, type Target } from "../base.ts";
import { must, mustWithProgress, run } from "../command.ts";
import { say } from "../say.ts";
import type { PackagedFile, Release } from "./contents.ts";
import { type World, WORLDS } from "./worlds.ts";

/** What makes the packages, and the version of it. */
const MODULE = "github.com/goreleaser/nfpm/v2/cmd/nfpm";
const VERSION = "v2.43.4";

/** One package to be made. */
export interface PackageOptions {
  readonly world: World;
  readonly target: Target;
  readonly release: Release;
  /** Below the root. */
  readonly files: readonly PackagedFile[];
  /** The directory that holds the files, each at its path. */
  readonly staged: string;
}

/** nfpm's configuration for a package; `folder` holds the scripts, each under its name. */
export function nfpmConfig(options: PackageOptions, folder: string): Record<string, unknown> {
  const { world, target, release, files, staged } = options;
  const customs = WORLDS[world];
  const { packager } = customs;
  const contents = files.map((file) => entryOf(file, `/${placeOf(file.path, world)}`, staged));
  const folders = ["/etc/ipipou", ...foldersOf(files)].map((dst) => ({
    dst,
    type: "dir",
    file_info: { mode: 0o755 },
  }));
  const scripts = Object.keys(customs.scripts(target));
  return {
    name: "ipipou",
    arch: customs.architecture(target),
    version: release.version,
    release: customs.release,
    section: "net",
    priority: "optional",
    maintainer: "ipipou contributors",
    // apk has one line for it.
    description: packager === "apk" ? SUMMARY : `${SUMMARY}\n${DESCRIPTION}`,
    // Debian's packages have no such field.
    license: packager === "deb" ? undefined : "MIT",
    mtime: new Date(release.time * 1000).toISOString(),
    disable_globbing: true,
    depends: customs.depends,
    recommends: customs.recommends,
    contents: [...contents, ...folders],
    scripts: Object.fromEntries(scripts.map((name) => [name, `${folder}/${name}`])),
    rpm: { buildhost: "localhost", group: "System Environment/Daemons" },
  };
}

function entryOf({ path, content, executable }: PackagedFile, dst: string, staged: string) {
  if (typeof content === "object" && "link" in content) return { src: content.link, dst, type: "symlink" };
  return { src: `${staged}/${path}`, dst, file_info: { mode: executable ? 0o755 : 0o644 } };
}

const SUMMARY = "authenticated IPIP-over-UDP (FOU) tunnels";
const DESCRIPTION = `The kernel carries the data through any NAT; this program lets the right
client in and follows it when its address changes.`;

/** Parts of paths that Debian calls differently. */
const DEBIAN_PATHS = {
  "share/zsh/site-functions/": "share/zsh/vendor-completions/",
  "ipipou/LICENSE": "ipipou/copyright",
};

function placeOf(path: string, world: World): string {
  if (world !== "deb") return path;
  return Object.entries(DEBIAN_PATHS).reduce((place, [from, to]) => place.replace(from, to), path);
}

/** The directories that are this package's alone. */
function foldersOf(files: readonly PackagedFile[]): string[] {
  const folders = files.map(({ path }) => `/${path}`.replace(/\/[^/]*$/, ""));
  return [...new Set(folders)].filter((path) => /\/ipipou(\/|$)/.test(path));
}

/** Makes a package; `output` is its path. Throws an Error when nfpm cannot be had or made none. */
export async function makePackage(options: PackageOptions, output: string): Promise<void> {
  const { packager, scripts } = WORLDS[options.world];
  const { time } = options.release;
  const nfpm = await nfpmProgram();
  const folder = await Deno.makeTempDir({ prefix: "ipipou-nfpm-" });
  try {
    for (const [name, text] of Object.entries(scripts(options.target))) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      // For apk, nfpm takes it from the file.
      await Deno.utime(`${folder}/${name}`, time, time);
    }
    const config = `${folder}/nfpm.yaml`;
    // YAML takes JSON.
    await Deno.writeTextFile(config, JSON.stringify(nfpmConfig(options, folder)));
    const env = { SOURCE_DATE_EPOCH: String(time) };
    const command = ["package", "--config", config, "--packager", packager, "--target", output];
    await must([nfpm, ...command], { env });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The path of nfpm, made on first use and kept in the user's cache. */
async function nfpmProgram(): Promise<string> {
  const folder = `${cacheDirectory()}/nfpm-${VERSION}`;
  const program = `${folder}/nfpm`;
  if ((await run([program, "--version"])).code === 0) return program;
  if ((await run(["go", "version"])).code !== 0) {
    throw new Error(
      "Cannot make packages without Go 1.25, which builds nfpm: apt-get install golang-go, or see https://go.dev/dl",
    );
  }
  say(`Building nfpm ${VERSION} (makes the packages; kept in ${folder})`);
  await mustWithProgress(["go", "install", `${MODULE}@${VERSION}`], { env: { GOBIN: folder } });
  return program;
}
