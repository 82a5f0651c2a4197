import { gzipSync } from "node:zlib";
import { CONFIG_FOLDER } from "../../lib/settings/files.ts";
import { bashCompletions } from "../completions/bash.ts";
import { fishCompletions } from "../completions/fish.ts";
import { commandLines } from "../completions/offers.ts";
import { zshCompletions } from "../completions/zsh.ts";
import { ipipou8 } from "../manual/ipipou_8.ts";
import { ipipouToml5 } from "../manual/ipipou_toml_5.ts";
import { type Page, roff } from "../manual/roff.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Where the repository's unit has the executable. */
const UNIT_PREFIX = "/usr/local";

/** One file of a package. */
export interface PackagedFile {
  /** Below the prefix (`/usr`, `/usr/local`), without a slash at its beginning. */
  readonly path: string;
  /** What is in it, or the path of a file that has it. */
  readonly content: string | Uint8Array | { readonly file: string };
  readonly executable?: true;
}

/** What the files depend on. */
export interface Release {
  readonly version: string;
  /** Seconds since 1970: the time of all files, and the date in the manual pages. */
  readonly time: number;
  /** The executable's path. */
  readonly executable: string;
}

/** Everything that is installed below a prefix. Throws an Error when the checkout lacks one of the files. */
export async function packagedFiles(release: Release, prefix: string): Promise<PackagedFile[]> {
  return [
    { path: "bin/ipipou", content: { file: release.executable }, executable: true },
    { path: "lib/systemd/system/ipipou@.service", content: await unit(prefix) },
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
    ...(await namesIn("docs", ".md")).map((name) => documentOf(`docs/${name}`)),
    ...(await namesIn("docs/examples", ".toml")).map((name) => ({
      path: `share/doc/ipipou/examples/${name}`,
      content: { file: `${ROOT}docs/examples/${name}` },
    })),
  ];
}

/** The unit, for an executable below this prefix. */
async function unit(prefix: string): Promise<string> {
  const text = await Deno.readTextFile(`${ROOT}ipipou@.service`);
  const installed = text.replaceAll(`${UNIT_PREFIX}/bin/ipipou`, `${prefix}/bin/ipipou`);
  if (!installed.includes(`=${prefix}/bin/ipipou `)) {
    throw new Error(`Cannot package ipipou@.service: it does not run ${UNIT_PREFIX}/bin/ipipou`);
  }
  return installed;
}

/** The manual pages. @param time their date, in seconds since 1970 */
export async function manualPages(version: string, time: number): Promise<Page[]> {
  const date = new Date(time * 1000).toISOString().slice(0, 10);
  const examples: Record<string, string> = {};
  for (const name of await namesIn("docs/examples", ".toml")) {
    examples[`examples/${name}`] = await Deno.readTextFile(`${ROOT}docs/examples/${name}`);
  }
  return [ipipou8(version, date), ipipouToml5(examples, version, date)];
}

function documentOf(name: string): PackagedFile {
  return { path: `share/doc/ipipou/${name}`, content: { file: `${ROOT}${name}` } };
}

async function namesIn(folder: string, extension: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`${ROOT}${folder}`)) {
    if (name.endsWith(extension)) names.push(name);
  }
  return names.sort();
}
