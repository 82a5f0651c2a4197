import type { GuestRoot } from "../tests/lab/guest.ts";
import { LAB_PATH, type LabOptions, runInLab, SilentLabError } from "../tests/lab/lab.ts";
import { isRelease, type Release, RELEASES, unpackRoot } from "../tests/lab/roots.ts";
import { prepareUserland } from "../tests/lab/userland.ts";
import { must } from "./command.ts";
import { add, type Counts, countTests, timesOf } from "./junit.ts";
import { batches, testFiles, type Timed, writeTimes } from "./share.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** How long the tests of one machine of the lab may take, boot included, in seconds. */
const MACHINE_SECONDS = 2400;
/** The same of tests that are not in the usual run. */
const PATIENT_MACHINE_SECONDS = 3600;
/** How long they may say nothing, in seconds: more than any step is waited for. */
const SILENCE_SECONDS = 300;
/** How many machines run the end-to-end tests side by side, at most: each takes up to 2 GiB. */
const MAX_MACHINES = 4;

/** What of `deno task test` its stages look at. */
export interface Options {
  kernel?: string;
  /** A Debian release whose `ip` and `nft` the program under test finds. */
  userland?: string;
  /** A Debian release that the machine is of, instead of this machine's. */
  root?: Release;
  here: boolean;
  "write-times": boolean;
  only?: string;
  filter?: string;
}

/** Tests of the program on a real kernel. */
export const E2E = ["tests/e2e", "tests/attacks"];

/** Tests that need a machine with another process 1. */
export const SYSTEMD = "tests/systemd";

/** Tests that measure, and change what others share. */
export const HEALING = "tests/healing";

export const NONE: Counts = { passed: 0, failed: 0, ignored: 0, failures: [] };
export const PASSED: Counts = { passed: 1, failed: 0, ignored: 0, failures: [] };
export const FAILED: Counts = { passed: 0, failed: 1, ignored: 0, failures: [] };

/** Runs Deno with its output on ours. */
export async function deno(args: readonly string[], env: Record<string, string> = {}): Promise<boolean> {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], cwd: ROOT, env, stdin: "null" });
  return (await command.spawn().status).success;
}

/** Runs test files on this machine. */
export async function testHere(
  paths: readonly string[],
  options: Options,
  env: Record<string, string> = {},
): Promise<Counts> {
  const report = await Deno.makeTempFile({ prefix: "ipipou-junit-" });
  try {
    const args = [
      "test",
      "-A",
      "--no-check",
      `--junit-path=${report}`,
      ...filter(options),
      "--parallel",
      ...paths,
    ];
    const success = await deno(args, env);
    return judge(success, await Deno.readTextFile(report), options);
  } finally {
    await Deno.remove(report);
  }
}

/**
 * Runs test files, and those of directories, on machines of the lab, side by side. Each takes the next batch when it is done
 * with one: how long a file takes differs from machine to machine, and a late one would make the others wait.
 */
export async function testInMachines(paths: readonly string[], options: Options): Promise<Counts> {
  const files = await testFiles(paths);
  // Once for all machines: two must not make the same at the same time.
  const software = await prepareSoftware(options);
  const count = options.here ? 1 : Math.min(navigator.hardwareConcurrency, MAX_MACHINES, files.length);
  const isService = ({ path }: Timed) => path.startsWith(SYSTEMD);
  // Those need another process 1, and run one after the other.
  const services = files.filter(isService).map(({ path }) => path);
  // After the large batches: what is left then takes less than they do.
  const left = batches(files.filter((file) => !isService(file)), count).toSpliced(count, 0, services)
    .filter(({ length }) => length > 0);
  const times = new Map<string, number>();
  const ofMachines = Array.from({ length: count }, async () => {
    let counts = NONE;
    for (let batch = left.shift(); batch !== undefined; batch = left.shift()) {
      const paths = batch;
      counts = add(counts, await attempt(() => testInMachine(paths, options, software, times)));
    }
    return counts;
  });
  const counts = (await Promise.all(ofMachines)).reduce(add);
  if (options["write-times"]) await writeTimes(times);
  return counts;
}

/** Runs test files on one machine of the lab, or on another where that falls silent. */
async function testInMachine(...args: Parameters<typeof testInLab>): Promise<Counts> {
  try {
    return await testInLab(...args);
  } catch (error) {
    if (!(error instanceof SilentLabError)) throw error;
    print(`${error.message}\nAll its tests run once more, on another machine`);
    return await testInLab(...args);
  }
}

/** Runs test files on one machine of the lab. @param times gets how long each took */
async function testInLab(
  paths: readonly string[],
  options: Options,
  software: Software,
  times: Map<string, number>,
): Promise<Counts> {
  // The lab has no network: all modules must be in Deno's cache before.
  if (!await deno(["test", "--no-run", "--no-check", "--quiet", ...paths])) return FAILED;
  const isAlone = paths.every((path) => !E2E.some((directory) => path.startsWith(directory)));
  const isHealing = paths.some((path) => path.startsWith(HEALING));
  const systemd = isAlone && !isHealing;
  const parallel = isAlone ? [] : ["--parallel"];
  const args = ["test", "-A", "--no-check", "--cached-only", ...filter(options), ...parallel, ...paths];
  // More than there are processors, since tests also wait.
  const script = 'DENO_JOBS=$(($(nproc) + 1)) exec "$@" --junit-path="$LAB_RESULT"';
  const { code, result } = await runInLab(["sh", "-c", script, "sh", Deno.execPath(), ...args], {
    cwd: ROOT,
    here: options.here,
    systemd,
    processors: 1,
    timeoutSeconds: isHealing ? PATIENT_MACHINE_SECONDS : MACHINE_SECONDS,
    silenceSeconds: SILENCE_SECONDS,
    stdout: wholeLines(),
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
    ...software,
  });
  for (const [path, seconds] of timesOf(result)) times.set(path, seconds);
  return judge(code === 0, result, options);
}

/** What machines of the lab run beside the kernel. */
type Software = Pick<LabOptions, "env" | "root">;

async function prepareSoftware({ userland, root }: Options): Promise<Software> {
  if (root !== undefined) return { root: await rootOf(root) };
  if (userland === undefined) return {};
  if (!isRelease(userland)) throw new Error(`--userland must be one of ${RELEASES.join(", ")}: ${userland}`);
  // For the tests, too: an older nft cannot list all that a newer one makes.
  return { env: { PATH: `${(await prepareUserland(userland)).folder}:${LAB_PATH}` } };
}

/** A release's files, with the checkout, Deno, and what that has fetched. */
async function rootOf(release: Release): Promise<GuestRoot> {
  const { denoDir } = JSON.parse(await must([Deno.execPath(), "info", "--json"])) as { denoDir: string };
  const folder = await unpackRoot(release, "start");
  return { folder, visible: [ROOT.replace(/\/$/, ""), Deno.execPath(), denoDir] };
}

function filter(options: Options): string[] {
  return options.filter === undefined ? [] : [`--filter=/${options.filter}/`];
}

/** Counts a stage that failed, whatever its report says, or that ran no test though all were asked for, as failed. */
function judge(success: boolean, report: string, options: Options): Counts {
  const counts = countTests(report);
  const empty = counts.passed + counts.failed === 0 && options.filter === undefined;
  if (empty) print("No test ran");
  return (empty || !success) && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** Counts work that throws as failed, and tells why at once and in the end. */
export async function attempt(work: () => Promise<Counts>): Promise<Counts> {
  try {
    return await work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    print(why);
    return { ...FAILED, failures: why.split("\n").slice(0, 1) };
  }
}

/** Prints what comes, a line at a time, so that several may come side by side. */
function wholeLines(): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = "";
  return (chunk) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) print(line);
  };
}

/** Prints a line whole, whatever else prints. */
export function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
