import { basename } from "node:path";
import { cacheDirectory, type Target } from "../base.ts";
import { must, mustWithProgress, run } from "../command.ts";
import { say } from "../say.ts";
import type { PackagedFile, Release } from "./contents.ts";
import { type Distribution, DISTRIBUTIONS } from "./distributions.ts";
import type { Keys } from "./keys.ts";

/** The tool that makes the packages, and its version. */
const MODULE = "github.com/goreleaser/nfpm/v2/cmd/nfpm";
const VERSION = "v2.43.4";

/** A package to make. */
export interface PackageOptions {
  readonly distribution: Distribution;
  readonly target: Target;
  readonly release: Release;
  /** Relative to the root. */
  readonly files: readonly PackagedFile[];
  /** Directory with the files, each at its path. */
  readonly staged: string;
  readonly keys: Keys;
}

/** nfpm's configuration for a package. @param folder holds the scripts by name */
export function nfpmConfig(options: PackageOptions, folder: string): Record<string, unknown> {
  const { distribution, target, release, files, staged, keys } = options;
  const rpmKey = keys.openpgp !== null && "file" in keys.openpgp ? keys.openpgp.file : null;
  const conventions = DISTRIBUTIONS[distribution];
  const { packager } = conventions;
  const contents = files.map((file) => entryOf(file, `/${installPathOf(file.path, distribution)}`, staged));
  const folders = ["/etc/ipipou", ...foldersOf(files)].map((dst) => ({
    dst,
    type: "dir",
    file_info: { mode: 0o755 },
  }));
  const scripts = Object.keys(conventions.scripts(target));
  return {
    name: "ipipou",
    arch: conventions.architecture(target),
    version: release.version,
    release: conventions.release,
    section: "net",
    priority: "optional",
    maintainer: "ipipou contributors",
    // apk allows only one line.
    description: packager === "apk" ? SUMMARY : `${SUMMARY}\n${DESCRIPTION}`,
    // Debian packages have no such field.
    license: packager === "deb" ? undefined : "MIT",
    mtime: new Date(release.time * 1000).toISOString(),
    disable_globbing: true,
    depends: conventions.depends,
    recommends: conventions.recommends,
    contents: [...contents, ...folders],
    scripts: Object.fromEntries(scripts.map((name) => [name, `${folder}/${name}`])),
    // makeOne() packs it better.
    deb: { compression: "none" },
    rpm: { buildhost: "localhost", group: "System Environment/Daemons", ...signatureOf(rpmKey) },
    apk: signatureOf(keys.apk, keys.apk === null ? {} : { key_name: apkKeyName(keys.apk) }),
  };
}

function signatureOf(key: string | null, more: Record<string, string> = {}) {
  return key === null ? {} : { signature: { key_file: key, ...more } };
}

/** The name of the public key in /etc/apk/keys, for a file with the private one. */
export function apkKeyName(path: string): string {
  return `${basename(path).replace(/(\.rsa)?(\.pem|\.key)?$/, "")}.rsa.pub`;
}

function entryOf({ path, content, executable }: PackagedFile, dst: string, staged: string) {
  if (typeof content === "object" && "link" in content) return { src: content.link, dst, type: "symlink" };
  return { src: `${staged}/${path}`, dst, file_info: { mode: executable ? 0o755 : 0o644 } };
}

const SUMMARY = "authenticated IPIP-over-UDP (FOU) tunnels";
const DESCRIPTION = `The kernel carries the data through any NAT; this program admits the right
client and follows it when its address changes.`;

/** Paths that differ in Debian. */
const DEBIAN_PATHS = {
  "share/zsh/site-functions/": "share/zsh/vendor-completions/",
  "ipipou/LICENSE": "ipipou/copyright",
};

function installPathOf(path: string, distribution: Distribution): string {
  if (distribution !== "deb") return path;
  return Object.entries(DEBIAN_PATHS).reduce((place, [from, to]) => place.replace(from, to), path);
}

/** The directories that only this package uses. */
function foldersOf(files: readonly PackagedFile[]): string[] {
  const folders = files.map(({ path }) => `/${path}`.replace(/\/[^/]*$/, ""));
  return [...new Set(folders)].filter((path) => /\/ipipou(\/|$)/.test(path));
}

/** Makes a package. @param output its path @throws {Error} when nfpm cannot be had, or fails */
export async function makePackage(options: PackageOptions, output: string): Promise<void> {
  const { packager, scripts } = DISTRIBUTIONS[options.distribution];
  const { time } = options.release;
  const nfpm = await nfpmProgram();
  const folder = await Deno.makeTempDir({ prefix: "ipipou-nfpm-" });
  try {
    for (const [name, text] of Object.entries(scripts(options.target))) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      // For apk, nfpm takes the time from the file.
      await Deno.utime(`${folder}/${name}`, time, time);
    }
    const config = `${folder}/nfpm.yaml`;
    // JSON is YAML.
    await Deno.writeTextFile(config, JSON.stringify(nfpmConfig(options, folder)));
    const env = { SOURCE_DATE_EPOCH: String(time) };
    const command = ["package", "--config", config, "--packager", packager, "--target", output];
    await must([nfpm, ...command], { env });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The path of nfpm, built on first use and kept in the user's cache. */
export async function nfpmProgram(): Promise<string> {
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
