import { gzipSync } from "node:zlib";
import { CONFIG_FOLDER } from "../../lib/settings/files.ts";
import { HOME as BUNDLE_HOME } from "../bundle.ts";
import { bashCompletions } from "../completions/bash.ts";
import { fishCompletions } from "../completions/fish.ts";
import { commandLines } from "../completions/offers.ts";
import { zshCompletions } from "../completions/zsh.ts";
import { ipipou8 } from "../manual/ipipou_8.ts";
import { ipipouToml5 } from "../manual/ipipou_toml_5.ts";
import { type Page, roff } from "../manual/roff.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Prefix of the executable in the repository's unit. */
const UNIT_PREFIX = "/usr/local";

/** A file of a package. */
export interface PackagedFile {
  /** Relative to the prefix (`/usr`, `/usr/local`) or the root, without a leading slash. */
  readonly path: string;
  /** Its content, the path of a file with it, or the target of a symbolic link. */
  readonly content: string | Uint8Array | { readonly file: string } | { readonly link: string };
  readonly executable?: true;
}

/** What the files depend on. */
export interface Release {
  readonly version: string;
  /** Unix seconds: modification time of all files, and date of the manual pages. */
  readonly time: number;
}

/**
 * The files installed below a prefix on systems with glibc and systemd.
 *
 * @param executable its path
 * @throws {Error} when the checkout lacks one of the files
 */
export async function packagedFiles(
  release: Release,
  executable: string,
  prefix: string,
): Promise<PackagedFile[]> {
  return [
    { path: "bin/ipipou", content: { file: executable }, executable: true },
    { path: "lib/systemd/system/ipipou@.service", content: await unit(prefix) },
    ...await documentationFiles(release),
  ];
}

/** The files installed on Alpine, relative to the root. @param bundle the folder that `bundle` packs */
export async function alpineFiles(release: Release, bundle: string): Promise<PackagedFile[]> {
  return [...await bundledFiles(bundle, "openrc"), ...below("usr", await documentationFiles(release))];
}

/** The same for OpenWrt, without manuals, as flash is small. @param bundle the folder that `bundle` packs */
export async function openwrtFiles(bundle: string): Promise<PackagedFile[]> {
  return [
    ...await bundledFiles(bundle, "procd"),
    // A firmware upgrade keeps what such files name.
    { path: "lib/upgrade/keep.d/ipipou", content: `${CONFIG_FOLDER}\n` },
  ];
}

/** Moves files below a folder. */
export function below(folder: string, files: readonly PackagedFile[]): PackagedFile[] {
  return files.map((file) => ({ ...file, path: `${folder}/${file.path}` }));
}

/** The bundle's installed files, with an init script for this service manager. */
async function bundledFiles(bundle: string, manager: "openrc" | "procd"): Promise<PackagedFile[]> {
  const home = BUNDLE_HOME.slice(1);
  const program = `${home}/ipipou`;
  const libraries = await namesIn(`${bundle}/lib`);
  const licences = await namesIn(`${bundle}/licences`);
  return [
    { path: program, content: { file: `${bundle}/ipipou` }, executable: true },
    { path: "usr/bin/ipipou", content: { link: `/${program}` } },
    { path: "etc/init.d/ipipou", content: { file: `${bundle}/init/${manager}` }, executable: true },
    ...libraries.map((name) => ({
      path: `${home}/lib/${name}`,
      content: { file: `${bundle}/lib/${name}` },
      // The kernel executes the loader.
      executable: true as const,
    })),
    ...licences.map((name) => ({
      path: `${home}/licences/${name}`,
      content: { file: `${bundle}/licences/${name}` },
    })),
  ];
}

/** Documentation and shell completions. */
async function documentationFiles(release: Release): Promise<PackagedFile[]> {
  return [
    ...(await manualPages(release.version, release.time)).map((page) => ({
      path: `share/man/man${page.section}/${page.name}.${page.section}.gz`,
      content: gzipSync(roff(page), { level: 9 }),
    })),
    {
      path: "share/bash-completion/completions/ipipou",
      content: bashCompletions(commandLines(), CONFIG_FOLDER),
    },
    { path: "share/zsh/site-functions/_ipipou", content: zshCompletions(commandLines(), CONFIG_FOLDER) },
    {
      path: "share/fish/vendor_completions.d/ipipou.fish",
      content: fishCompletions(commandLines(), CONFIG_FOLDER),
    },
    ...["README.md", "CHANGELOG.md", "LICENSE"].map(documentOf),
    ...(await namesIn(`${ROOT}docs`, ".md")).map((name) => documentOf(`docs/${name}`)),
    documentOf("docs/grafana.json"),
    ...(await namesIn(`${ROOT}docs/examples`, ".toml")).map((name) => ({
      path: `share/doc/ipipou/examples/${name}`,
      content: { file: `${ROOT}docs/examples/${name}` },
    })),
  ];
}

/** The systemd unit for an executable below this prefix. */
async function unit(prefix: string): Promise<string> {
  const text = await Deno.readTextFile(`${ROOT}ipipou@.service`);
  const installed = text.replaceAll(`${UNIT_PREFIX}/bin/ipipou`, `${prefix}/bin/ipipou`);
  if (!installed.includes(`=${prefix}/bin/ipipou `)) {
    throw new Error(`Cannot package ipipou@.service: it does not run ${UNIT_PREFIX}/bin/ipipou`);
  }
  return installed;
}

/** The manual pages. @param time their date, in Unix seconds */
export async function manualPages(version: string, time: number): Promise<Page[]> {
  const date = new Date(time * 1000).toISOString().slice(0, 10);
  const examples: Record<string, string> = {};
  for (const name of await namesIn(`${ROOT}docs/examples`, ".toml")) {
    examples[`examples/${name}`] = await Deno.readTextFile(`${ROOT}docs/examples/${name}`);
  }
  return [ipipou8(version, date), ipipouToml5(examples, version, date)];
}

function documentOf(name: string): PackagedFile {
  return { path: `share/doc/ipipou/${name}`, content: { file: `${ROOT}${name}` } };
}

/** The names of files in a folder, sorted. */
async function namesIn(folder: string, extension = ""): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(extension)) names.push(name);
  }
  return names.sort();
}
