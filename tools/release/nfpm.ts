import { cacheDirectory, type Target } from "../base.ts";
import { must, mustWithProgress, run } from "../command.ts";
import { say } from "../say.ts";
import type { PackagedFile, Release } from "./contents.ts";
import { SCRIPTS } from "./scripts.ts";

/** What makes the packages, and the version of it. */
const MODULE = "github.com/goreleaser/nfpm/v2/cmd/nfpm";
const VERSION = "v2.43.4";

/** What nfpm makes for us. */
export type Packager = "deb" | "rpm";

/** Where packages put their files. */
export const PREFIX = "/usr";

/** How Debian and nfpm call an architecture. */
export const DEBIAN_ARCHITECTURE: Record<Target, string> = {
  "x86_64-unknown-linux-gnu": "amd64",
  "aarch64-unknown-linux-gnu": "arm64",
};

interface World {
  readonly depends: readonly string[];
  readonly recommends: readonly string[];
  /** Parts of paths, and what stands in their place. */
  readonly rename: Readonly<Record<string, string>>;
}

/** What is called differently in the worlds of the two. */
const WORLDS = {
  deb: {
    depends: ["iproute2", "kmod", "libc6 (>= 2.27)"],
    recommends: ["nftables", "libnetfilter-queue1"],
    rename: {
      "share/zsh/site-functions/": "share/zsh/vendor-completions/",
      "ipipou/LICENSE": "ipipou/copyright",
    },
  },
  rpm: {
    depends: ["iproute", "kmod", "glibc >= 2.27"],
    recommends: ["nftables", "libnetfilter_queue"],
    rename: {},
  },
} as const satisfies Record<Packager, World>;

/** One package to be made. */
export interface PackageOptions {
  readonly packager: Packager;
  readonly target: Target;
  readonly release: Release;
  readonly files: readonly PackagedFile[];
  /** The directory that holds the files, each at its path. */
  readonly staged: string;
}

/** nfpm's configuration for a package; `folder` holds the scripts, each under its name. */
export function nfpmConfig(options: PackageOptions, folder: string): Record<string, unknown> {
  const { packager, target, release, files, staged } = options;
  const mode = (executable?: true) => ({ mode: executable ? 0o755 : 0o644 });
  const contents = files.map(({ path, executable }) => ({
    src: `${staged}/${path}`,
    dst: `${PREFIX}/${placeOf(path, packager)}`,
    file_info: mode(executable),
  }));
  const folders = ["/etc/ipipou", ...foldersOf(files)].map((dst) => ({
    dst,
    type: "dir",
    file_info: mode(true),
  }));
  return {
    name: "ipipou",
    arch: DEBIAN_ARCHITECTURE[target],
    version: release.version,
    section: "net",
    priority: "optional",
    maintainer: "ipipou contributors",
    description: DESCRIPTION,
    license: "MIT",
    mtime: new Date(release.time * 1000).toISOString(),
    disable_globbing: true,
    depends: WORLDS[packager].depends,
    recommends: WORLDS[packager].recommends,
    contents: [...contents, ...folders],
    scripts: Object.fromEntries(Object.keys(SCRIPTS).map((name) => [name, `${folder}/${name}`])),
    rpm: { buildhost: "localhost", group: "System Environment/Daemons" },
  };
}

const DESCRIPTION = `authenticated IPIP-over-UDP (FOU) tunnels
The kernel carries the data through any NAT; this program lets the right
client in and follows it when its address changes.`;

function placeOf(path: string, packager: Packager): string {
  return Object.entries(WORLDS[packager].rename).reduce((place, [from, to]) => place.replace(from, to), path);
}

/** The directories that are this package's alone. */
function foldersOf(files: readonly PackagedFile[]): string[] {
  const folders = files.map(({ path }) => path.replace(/\/[^/]*$/, "")).filter((path) =>
    /\/ipipou(\/|$)/.test(path)
  );
  return [...new Set(folders)].map((path) => `${PREFIX}/${path}`);
}

/** Makes a package; `output` is its path. Throws an Error when nfpm cannot be had or made none. */
export async function makePackage(options: PackageOptions, output: string): Promise<void> {
  const nfpm = await nfpmProgram();
  const folder = await Deno.makeTempDir({ prefix: "ipipou-nfpm-" });
  try {
    for (const [name, text] of Object.entries(SCRIPTS)) await Deno.writeTextFile(`${folder}/${name}`, text);
    // YAML takes JSON.
    await Deno.writeTextFile(`${folder}/nfpm.yaml`, JSON.stringify(nfpmConfig(options, folder)));
    const env = { SOURCE_DATE_EPOCH: String(options.release.time) };
    await must(
      [
        nfpm,
        "package",
        "--config",
        `${folder}/nfpm.yaml`,
        "--packager",
        options.packager,
        "--target",
        output,
      ],
      { env },
    );
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
