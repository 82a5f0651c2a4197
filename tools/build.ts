import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { isTarget, type Target } from "./base.ts";
import { describeCommit } from "./commit.ts";
import { INPUTS, makeExecutable } from "./executable.ts";
import { say } from "./say.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** This machine's own target. */
export const HERE = Deno.build.target as Target;

/** A built executable. */
export interface Built {
  /** Absolute path of the file. */
  readonly path: string;
  /** Digest of its inputs. Equal digests mean the same program. */
  readonly digest: string;
  /** The commit that `--version` prints. */
  readonly commit: string;
}

/**
 * Makes the executable unless it is up to date: dist/ipipou, or dist/ipipou-ARCH for another architecture.
 *
 * @throws {Error} when the code does not compile or no base binary can be had
 */
export async function build(target: Target = HERE): Promise<Built> {
  const path = `${ROOT}dist/ipipou${target === HERE ? "" : `-${architectureOf(target)}`}`;
  const commit = await describeCommit(ROOT, INPUTS);
  const words = [target, commit, Deno.version.deno, Deno.env.get("DENORT_BIN") ?? ""];
  const built = { path, digest: await digestOf(words, INPUTS), commit };
  await unlessMade(path, built.digest, () => makeExecutable({ target, output: path, commit }));
  return built;
}

/** "x86_64" or "aarch64". */
export function architectureOf(target: Target): string {
  return target.split("-")[0]!;
}

/** Makes a file in dist unless it exists and was made from inputs with this digest. */
export async function unlessMade(path: string, digest: string, make: () => Promise<void>): Promise<void> {
  const record = `${path}.inputs`;
  if (await isFile(path) && await isFile(record) && await Deno.readTextFile(record) === digest) {
    return say(`${path} is up to date`);
  }
  say(`Making ${path}`);
  await Deno.mkdir(`${ROOT}dist`, { recursive: true });
  await make();
  await Deno.writeTextFile(record, digest);
}

/** Digest of words, and of files or folders given by their paths in the checkout. */
export async function digestOf(words: readonly string[], names: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(words));
  for (const name of names) {
    for (const path of await filesBelow(`${ROOT}${name}`)) {
      hash.update(`\0${path.slice(ROOT.length)}\0`).update(await Deno.readFile(path));
    }
  }
  return hash.digest("hex");
}

/** The file itself, or all files below the directory, sorted. */
async function filesBelow(path: string): Promise<string[]> {
  if ((await Deno.stat(path)).isFile) return [path];
  const files: string[] = [];
  for await (const { name } of Deno.readDir(path)) files.push(...await filesBelow(`${path}/${name}`));
  return files.sort();
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs `work` for the target that the command line names, and describes the file it makes. */
export async function runForTarget(work: (target: Target) => Promise<string>): Promise<void> {
  const { values } = parseArgs({ options: { target: { type: "string", default: HERE } } });
  try {
    if (!isTarget(values.target)) {
      throw new Error(`Cannot build for ${values.target}: there is no base binary of Deno for it`);
    }
    const path = await work(values.target);
    const { size } = await Deno.stat(path);
    const sha256 = createHash("sha256").update(await Deno.readFile(path)).digest("hex");
    say(`${(size / 1e6).toFixed(0)} MB, SHA-256 ${sha256}`);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}

if (import.meta.main) {
  await runForTarget(async (target) => {
    const { path, commit } = await build(target);
    say(`Commit ${commit}; it needs glibc 2.27 or later`);
    return path;
  });
}
