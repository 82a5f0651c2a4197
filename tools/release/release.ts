import { parseArgs } from "node:util";
import config from "../../deno.json" with { type: "json" };
import { baseFromDonor, BASES, requireKnownBase, type Target } from "../base.ts";
import { architectureOf, build } from "../build.ts";
import { bundle } from "../bundle.ts";
import { must } from "../command.ts";
import { ensurePackages } from "../packages.ts";
import { say } from "../say.ts";
import { indexForApk } from "./apk_index.ts";
import { filesIn, indexForApt, indexForDnf, indexForOpkg } from "./indexes.ts";
import { describeUnsigned, KEY_VARIABLES, type Keys, readKeys, requireKinds } from "./keys.ts";
import { apkKeyName } from "./nfpm.ts";
import { releaseNotes } from "./notes.ts";
import { OpenPgp } from "./openpgp.ts";
import { replaceFolder } from "./replace_folder.ts";
import { publicKeyOf } from "./usign.ts";
import { makeOne, type PackageRequest, pathOf, sourceTime } from "./packages.ts";
import { formatSbom, type Part, partsOfBundle, partsOfExecutable } from "./sbom.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

const USAGE = `Usage: deno task release [OPTION]...
Makes all that a release page needs in dist/release, for x86_64 and aarch64: executables, folders for systems without
glibc, packages, repositories for apt, dnf, apk and opkg that any web server can hold, the bill of materials, notes, and
SHA256SUMS. Equal commits make equal files, but for signatures. It is signed by the keys that these variables name:

  ${KEY_VARIABLES.openpgp}   file (with a / in its path) of an armoured OpenPGP private key without a passphrase, or
                        the name of a key that gpg's agent has: SHA256SUMS, rpms, indexes for apt and dnf
  ${KEY_VARIABLES.apk}       file of an RSA private key in PEM: apks and Alpine's index
  ${KEY_VARIABLES.opkg}      file of a secret key of usign or signify without a passphrase: the index for opkg

  --target TARGET       only for x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu
  --help                print this`;

/** The tools that are needed besides nfpm. */
export const PACKAGES = ["apt-utils", "createrepo-c", "gnupg", "signify-openbsd"];

/** A release to make. */
export interface ReleaseOptions {
  readonly targets: readonly Target[];
  readonly keys: Keys;
  readonly version: string;
  /** Unix seconds: of files and indexes. */
  readonly time: number;
  /** Absolute path; what is there is replaced. */
  readonly folder: string;
}

const BASE_VARIABLE = "DENORT_BIN";

/** Makes a release. @throws {Error} when a part cannot be made or signed; then the folder is as it was */
export async function makeRelease(options: ReleaseOptions): Promise<void> {
  const { folder, keys } = options;
  await requireKinds(keys);
  const staged = `${folder}.new`;
  await must(["rm", "-rf", staged]);
  await Deno.mkdir(staged, { recursive: true });
  using openpgp = keys.openpgp === null ? null : await OpenPgp.open(keys.openpgp);
  const parts: Part[] = [...await partsOfExecutable(options.targets)];
  for (const target of options.targets) parts.push(...await makeTarget(target, staged, options));
  await indexAll(staged, options, openpgp);
  await describe(staged, parts, options);
  await publishKeys(staged, keys, openpgp);
  await sum(staged, openpgp);
  await replaceFolder(folder, staged);
}

/** Has executables made with this base binary, until disposed of: those that come after it may be for another target. */
export function useBase(path: string): Disposable {
  const before = Deno.env.get(BASE_VARIABLE);
  Deno.env.set(BASE_VARIABLE, path);
  return {
    [Symbol.dispose]: () =>
      before === undefined ? Deno.env.delete(BASE_VARIABLE) : Deno.env.set(BASE_VARIABLE, before),
  };
}

/** Makes what is for one processor. @returns what is in its bundle */
async function makeTarget(
  target: Target,
  staged: string,
  { version, keys }: ReleaseOptions,
): Promise<Part[]> {
  const architecture = architectureOf(target);
  // What else the environment or Deno's site offers has no place in the table.
  using _base = useBase(await baseFromDonor(target));
  const { path: executable } = await build(target);
  await requireKnownBase(executable, target);
  await Deno.copyFile(executable, `${staged}/ipipou-${version}-${architecture}`);
  const folders: Readonly<Record<PackageRequest["format"], string>> = {
    deb: "apt",
    rpm: "dnf",
    "alpine.apk": `alpine/${architecture}`,
    "openwrt.ipk": `openwrt/${architecture}`,
    "openwrt.apk": `openwrt/${architecture}`,
    "tar.gz": ".",
  };
  for (const [format, name] of Object.entries(folders) as [PackageRequest["format"], string][]) {
    await makeOne({ format, target, version, folder: `${staged}/${name}`, keys }, executable);
  }
  // apk asks for a package by its name and version alone.
  const alpine = `${staged}/alpine/${architecture}`;
  await Deno.rename(
    pathOf({ format: "alpine.apk", target, version, folder: alpine }),
    `${alpine}/ipipou-${version}-r0.apk`,
  );
  const bundled = await bundle(target);
  await Deno.copyFile(bundled, `${staged}/ipipou-${architecture}.tar.gz`);
  return await partsOfBundle(bundled);
}

async function indexAll(
  staged: string,
  { targets, time, keys }: ReleaseOptions,
  openpgp: OpenPgp | null,
): Promise<void> {
  await indexForApt(`${staged}/apt`, time, openpgp);
  await indexForDnf(`${staged}/dnf`, time, openpgp);
  for (const architecture of targets.map(architectureOf)) {
    await indexForApk(`${staged}/alpine/${architecture}`, time, keys.apk);
    await indexForOpkg(`${staged}/openwrt/${architecture}`, keys.opkg);
  }
}

/** Writes what is in the release, and what is new. */
async function describe(
  staged: string,
  parts: readonly Part[],
  { version, time }: ReleaseOptions,
): Promise<void> {
  const unique = new Map(parts.map((part) => [part.purl, part]));
  await Deno.writeTextFile(`${staged}/sbom.cdx.json`, formatSbom(version, time, [...unique.values()]));
  const changelog = await Deno.readTextFile(`${ROOT}CHANGELOG.md`);
  await Deno.writeTextFile(`${staged}/NOTES.md`, releaseNotes(changelog, version));
}

/** Writes the public keys, by which all this is checked. */
async function publishKeys(staged: string, keys: Keys, openpgp: OpenPgp | null): Promise<void> {
  await openpgp?.writePublicKey(`${staged}/ipipou.asc`);
  if (keys.apk !== null) {
    await must(["openssl", "pkey", "-in", keys.apk, "-pubout", "-out", `${staged}/${apkKeyName(keys.apk)}`]);
  }
  if (keys.opkg !== null) {
    await Deno.writeTextFile(`${staged}/ipipou.pub`, publicKeyOf(await Deno.readTextFile(keys.opkg)));
  }
}

async function sum(staged: string, openpgp: OpenPgp | null): Promise<void> {
  const files = (await must(["find", ".", "-type", "f", "-printf", "%P\\n"], { cwd: staged })).trim().split(
    "\n",
  );
  const sums = await must(["sha256sum", ...files.sort()], { cwd: staged });
  await Deno.writeTextFile(`${staged}/SHA256SUMS`, sums);
  await openpgp?.sign(`${staged}/SHA256SUMS`);
}

async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      target: { type: "string", multiple: true, default: Object.keys(BASES) },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return say(USAGE);
  const targets = Object.keys(BASES).filter((target) => values.target.includes(target)) as Target[];
  const wrong = values.target.filter((target) => !Object.hasOwn(BASES, target));
  if (wrong.length > 0) throw new Error(`Cannot release for ${wrong.join(", ")}\n${USAGE}`);
  await ensurePackages(PACKAGES, "a release");
  const keys = await readKeys((name) => Deno.env.get(name));
  const folder = `${ROOT}dist/release`;
  await makeRelease({ targets, keys, version: config.version, time: await sourceTime(), folder });
  for (const line of describeUnsigned(keys)) say(line);
  say(`${folder} has ${(await filesIn(folder, "")).length} files and folders; SHA256SUMS names all files`);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}
