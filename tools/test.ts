import { parseArgs } from "node:util";
import { prepareKernel } from "../tests/lab/kernel.ts";
import { labPackages, runInLab, SilentLabError } from "../tests/lab/lab.ts";
import { makeRouter } from "../tests/lab/router.ts";
import { makeTestPackages } from "../tests/packages/made.ts";
import { makeRouters } from "../tests/packages/routers.ts";
import { build } from "./build.ts";
import { add, type Counts, countTests, timesOf } from "./junit.ts";
import { ensurePackages } from "./packages.ts";
import { share, testFiles, writeTimes } from "./share.ts";

const ROOT = new URL("..", import.meta.url).pathname;

const USAGE = `Usage: deno task test [OPTION]...
  --kernel 6.1|6.12    kernel for the end-to-end tests (default: the one of this machine's Debian release)
  --here               end-to-end tests on this machine's own kernel, in separate namespaces
  --only unit|e2e|systemd|packages
                       unit tests only, or the end-to-end tests, or those under systemd, with what they need; or
                       what no other run has: packages made, installed, upgraded and purged (needs Go)
  --filter REGEXP      only tests with such a name
  --write-times        write down how long the files of tests took that machines of the lab share out by it`;

/** What tests use beside what the lab needs: another ed25519, another processor, and systemd, not enabled here. */
const PACKAGES = [
  ...["python3-nacl", "git", "systemd"],
  ...["qemu-user-static", "libc6-arm64-cross", "libgcc-s1-arm64-cross"],
];

/** What shows manual pages, and shells that complete command lines. */
const READERS = ["man-db", "mandoc", "zsh", "fish"];

/** How long the tests of one machine of the lab may take, boot included, in seconds. */
const MACHINE_SECONDS = 1200;
/** How long they may say nothing, in seconds: more than any step is waited for. */
const SILENCE_SECONDS = 300;
/** How many machines run the end-to-end tests side by side, at most: each takes up to 2 GiB. */
const MAX_MACHINES = 4;
/** How long the readers of outside input are fuzzed, in seconds. */
const FUZZ_SECONDS = 30;

interface Options {
  kernel?: string;
  here: boolean;
  "write-times": boolean;
  only?: string;
  filter?: string;
}

/** A part of the whole; resolves with its counts. A check counts as one, and so does a stage that throws. */
interface Stage {
  name: string;
  kind: "check" | "tests";
  run: () => Promise<Counts>;
}

const BUILD = "build";
const MAKE = "make packages";

/** Tests of the program on a real kernel. */
const E2E = ["tests/e2e", "tests/attacks"];

/** Tests that need a machine with another process 1. */
const SYSTEMD = "tests/systemd";

const NONE: Counts = { passed: 0, failed: 0, ignored: 0 };
const PASSED: Counts = { passed: 1, failed: 0, ignored: 0 };
const FAILED: Counts = { passed: 0, failed: 1, ignored: 0 };

/** Stages one after the other; those of one list side by side. */
function stages(options: Options): Stage[][] {
  const { kernel, here, only } = options;
  const labEnv = kernel === undefined ? {} : { LAB_KERNEL: kernel };
  let fetched = Promise.resolve(FAILED);
  const packages = checks("packages", async () => {
    await ensurePackages([...labPackages(here), ...PACKAGES, ...READERS], "the tests");
    // This mostly waits for the network, so it goes on during the next stages.
    if (!here) fetched = attempt(() => done(prepareKernel(kernel)));
    return PASSED;
  });
  const labKernel = here ? [] : [checks("the lab's kernel", () => fetched)];
  const unit = tests("unit tests", () => testHere(["tests/unit"], options));
  const executable = checks(BUILD, () => done(build()));
  const router = checks("bundle", () => done(makeRouter()));
  const made = ["tests/executable", "tests/release", ...here ? [] : ["tests/lab"]];
  const products = tests("executable, manual, completions, lab", () => testHere(made, options, labEnv));
  const e2e = tests("end-to-end tests", () => testInMachines(E2E, options));
  const service = tests("under systemd", () => testInMachines([SYSTEMD], options));
  const fuzz = checks("fuzz", fuzzPatiently);
  const both = tests("end-to-end and under systemd", () => testInMachines([...E2E, SYSTEMD], options));
  switch (only) {
    case undefined: {
      // Each waits a good deal: unit tests for the longest, a bundle for downloads, products for their labs. The last
      // takes what processor time they leave.
      return [
        ...inTurn(packages, ...sourceStages(), executable),
        [unit, router],
        ...inTurn(...labKernel),
        [here ? e2e : both, products, fuzz],
      ];
    }
    case "unit":
      return inTurn(unit);
    case "e2e":
      return inTurn(packages, executable, router, ...labKernel, e2e);
    case "systemd":
      return inTurn(packages, executable, ...labKernel, service);
    case "packages":
      return inTurn(...packageStages(options, executable));
    default:
      throw new Error(`--only must be unit, e2e, systemd or packages: ${only}`);
  }
}

function inTurn(...stages: Stage[]): Stage[][] {
  return stages.map((stage) => [stage]);
}

function sourceStages(): Stage[] {
  return [
    checks("format", () => check(["fmt", "--check"])),
    checks("lint", () => check(["lint"])),
    checks("types", () => check(["check", "."])),
  ];
}

/** Makes packages, looks into them here, and lives with them in the lab. */
function packageStages(options: Options, executable: Stage): Stage[] {
  return [
    checks("packages", () => done(ensurePackages([...labPackages(false), "systemd", "rpm"], "the tests"))),
    executable,
    checks(MAKE, () => done(makeTestPackages())),
    checks("routers", () => done(makeRouters())),
    tests("files of packages", () => testHere(["tests/packages/files_test.ts"], options)),
    tests("lives of packages", () => testInMachines(["tests/packages/life"], options)),
  ];
}

function checks(name: string, run: Stage["run"]): Stage {
  return { name, kind: "check", run };
}

function tests(name: string, run: Stage["run"]): Stage {
  return { name, kind: "tests", run };
}

async function done(work: Promise<unknown>): Promise<Counts> {
  await work;
  return PASSED;
}

/** Runs Deno with its output on ours. */
async function deno(args: readonly string[], env: Record<string, string> = {}): Promise<boolean> {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], cwd: ROOT, env, stdin: "null" });
  return (await command.spawn().status).success;
}

/** Fuzzes with other inputs in each run. It says the seed that gives them again. */
async function fuzzPatiently(): Promise<Counts> {
  const args = ["run", "-A", "--no-check", "tests/fuzz/main.ts", "--seconds", `${FUZZ_SECONDS}`];
  const command = new Deno.Command("nice", {
    args: ["-n", "19", Deno.execPath(), ...args],
    cwd: ROOT,
    stdin: "null",
  });
  return (await command.spawn().status).success ? PASSED : FAILED;
}

async function check(args: readonly string[]): Promise<Counts> {
  return await deno(args) ? PASSED : FAILED;
}

async function testHere(
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

/** Shares the test files of directories out among machines of the lab that run side by side. */
async function testInMachines(directories: readonly string[], options: Options): Promise<Counts> {
  const files = await testFiles(directories);
  const count = options.here ? 1 : Math.min(navigator.hardwareConcurrency, MAX_MACHINES, files.length);
  const times = new Map<string, number>();
  const isService = (path: string) => path.startsWith(SYSTEMD);
  // Those have a boot of their own and run alone in it, others by two.
  const timed = files.map((file) => isService(file.path) ? { ...file, seconds: 2 * file.seconds } : file);
  const ofMachines = share(timed, count).map(async (paths) => {
    const boots = [paths.filter(isService), paths.filter((path) => !isService(path))];
    let counts = NONE;
    for (const paths of boots.filter(({ length }) => length > 0)) {
      counts = add(counts, await attempt(() => testInMachine(paths, options, times)));
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

/** Runs test files on one machine of the lab, and adds to `times` how long each took. */
async function testInLab(
  paths: readonly string[],
  options: Options,
  times: Map<string, number>,
): Promise<Counts> {
  // The lab has no network: all modules must be in Deno's cache before.
  if (!await deno(["test", "--no-run", "--no-check", "--quiet", ...paths])) return FAILED;
  const systemd = paths.every((path) => !E2E.some((directory) => path.startsWith(directory)));
  const parallel = systemd ? [] : ["--parallel"];
  const args = ["test", "-A", "--no-check", "--cached-only", ...filter(options), ...parallel, ...paths];
  // More than there are processors, since tests also wait.
  const script = 'DENO_JOBS=$(($(nproc) + 1)) exec "$@" --junit-path="$LAB_RESULT"';
  const { code, result } = await runInLab(["sh", "-c", script, "sh", Deno.execPath(), ...args], {
    cwd: ROOT,
    here: options.here,
    systemd,
    processors: 1,
    timeoutSeconds: MACHINE_SECONDS,
    silenceSeconds: SILENCE_SECONDS,
    stdout: wholeLines(),
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
  });
  for (const [path, seconds] of timesOf(result)) times.set(path, seconds);
  return judge(code === 0, result, options);
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

async function run(stage: Stage): Promise<Counts> {
  print(`\n== ${stage.name}`);
  const started = Date.now();
  const counts = await attempt(stage.run);
  const ignored = counts.ignored > 0 ? `, ${counts.ignored} ignored` : "";
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  print(`== ${stage.name}: ${counts.passed} passed, ${counts.failed} failed${ignored} in ${seconds} s`);
  return counts;
}

async function attempt(work: Stage["run"]): Promise<Counts> {
  try {
    return await work();
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    return FAILED;
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

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function parse(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      kernel: { type: "string" },
      here: { type: "boolean", default: false },
      only: { type: "string" },
      filter: { type: "string" },
      "write-times": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const { help, ...options } = values;
  if (options["write-times"] && options.filter !== undefined) {
    throw new Error("--write-times needs all tests of a file: leave --filter out");
  }
  return help ? undefined : options;
}

async function main(args: string[]): Promise<number> {
  const options = parse(args);
  if (options === undefined) {
    print(USAGE);
    return 0;
  }
  const total = { passed: 0, failed: 0 };
  let testsRun = 0;
  for (const group of stages(options)) {
    const counts = await Promise.all(group.map(run));
    const { passed, failed } = counts.reduce(add);
    total.passed += passed;
    total.failed += failed;
    testsRun += counts.filter((_, index) => group[index]!.kind === "tests")
      .reduce((sum, { passed, failed }) => sum + passed + failed, 0);
    // What comes after them would try an old executable, an old package, or none.
    if (group.some(({ name }) => [BUILD, MAKE].includes(name)) && failed > 0) break;
  }
  if (testsRun === 0) {
    print("\nNo test ran");
    total.failed++;
  }
  print(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  print(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  Deno.exit(2);
}
