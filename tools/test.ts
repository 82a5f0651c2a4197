import { parseArgs } from "node:util";
import { prepareMachine } from "../tests/lab/aarch64.ts";
import { prepareKernel } from "../tests/lab/kernel.ts";
import { labPackages } from "../tests/lab/lab.ts";
import { makeRouter } from "../tests/lab/router.ts";
import { makeTestPackages } from "../tests/packages/made.ts";
import { makeTestRelease } from "../tests/packages/repository.ts";
import { fetchRoots, ROOT_TOOLS } from "../tests/lab/roots.ts";
import { makeRouters } from "../tests/packages/routers.ts";
import { fetchTools } from "../tests/healing/tools.ts";
import { fetchPrometheus } from "../tests/release/prometheus.ts";
import { build } from "./build.ts";
import { PACKAGES as RELEASE_TOOLS } from "./release/release.ts";
import { add, type Counts } from "./junit.ts";
import { runLives, runMatrix } from "./matrix.ts";
import { ensurePackages } from "./packages.ts";
import {
  attempt,
  deno,
  E2E,
  FAILED,
  HEALING,
  NONE,
  type Options,
  PASSED,
  print,
  SYSTEMD,
  testHere,
  testInMachines,
} from "./run_tests.ts";

const ROOT = new URL("..", import.meta.url).pathname;

const USAGE = `Usage: deno task test [OPTION]...
  --kernel LINE        kernel for the end-to-end tests: 5.10, 6.1, 6.12 or 7.2 (default: the one of this machine's Debian release)
  --here               end-to-end tests on this machine's own kernel, in separate namespaces
  --only unit|e2e|systemd|packages|healing
                       unit tests only, or the end-to-end tests, or those under systemd, with what they need; or
                       what no other run has: packages made, installed, upgraded and purged (needs Go), or tunnels
                       broken in every way that admins know, and a random walk
  --userland RELEASE   Debian release whose ip and nft the program finds: bullseye, bookworm, trixie or forky
                       (default: this machine's)
  --matrix             core tests on all kernels, or on that of --kernel, each with its release's ip and nft; writes
                       the table of them in docs/compatibility.md
  --filter REGEXP      only tests with such a name
  --write-times        write down how long the files of tests took that machines of the lab share out by it`;

/**
 * What tests use beside what the lab needs: another ed25519, another processor, systemd, not enabled here, and what the
 * documents' commands run.
 */
const PACKAGES = [
  ...["python3-nacl", "git", "systemd", "iptables", "procps", "psmisc", "socat", "ethtool"],
  ...["qemu-user-static", "libc6-arm64-cross", "libgcc-s1-arm64-cross"],
];

/** What shows manual pages, and shells that complete command lines. */
const READERS = ["man-db", "mandoc", "zsh", "fish"];

/** How long the readers of outside input are fuzzed, in seconds. */
const FUZZ_SECONDS = 30;

/** How many failures are told with their reasons in the end. */
const FAILURES_EXPLAINED = 10;

/** @property matrix whether core tests run on all kernels instead */
type Arguments = Options & { readonly matrix: boolean };

/** A part of the whole; resolves with its counts. A check counts as one, and so does a stage that throws. */
interface Stage {
  name: string;
  kind: "check" | "tests";
  run: () => Promise<Counts>;
}

const BUILD = "build";
const MAKE = "make packages";

/** Stages one after the other; those of one list side by side. */
function stages({ matrix, ...options }: Arguments): Stage[][] {
  const { packages, executable, router, labKernel } = preparations(options);
  if (matrix) return inTurn(packages, executable, tests("matrix", () => runMatrix(options)));
  const machines = (name: string, paths: readonly string[]) =>
    tests(name, () => testInMachines(paths, options));
  const unit = tests("unit tests", () => testHere(["tests/unit"], options));
  const e2e = machines("end-to-end tests", E2E);
  switch (options.only) {
    case undefined: {
      const both = options.here ? e2e : machines("end-to-end and under systemd", [...E2E, SYSTEMD]);
      // Each waits a good deal: unit tests for the longest, a bundle for downloads, products for their labs. The last
      // takes what processor time they leave.
      return [
        ...inTurn(
          packages,
          checks("Prometheus", () => done(fetchPrometheus())),
          ...sourceStages(),
          executable,
        ),
        [unit, router],
        ...inTurn(...labKernel),
        [both, testsOfProducts(options), checks("fuzz", fuzzPatiently)],
      ];
    }
    case "unit":
      return inTurn(unit);
    case "e2e":
      return inTurn(packages, executable, router, ...labKernel, e2e);
    case "systemd":
      return inTurn(packages, executable, ...labKernel, machines("under systemd", [SYSTEMD]));
    case "packages":
      return inTurn(...packageStages(options, executable));
    case "healing": {
      const tools = checks("tools", () => done(fetchTools()));
      return inTurn(packages, executable, tools, ...labKernel, machines("healing", [HEALING]));
    }
    default:
      throw new Error(`--only must be unit, e2e, systemd, packages or healing: ${options.only}`);
  }
}

/** What most runs begin with. */
function preparations({ kernel, here }: Options) {
  let fetched = Promise.resolve(FAILED);
  const packages = checks("packages", async () => {
    await ensurePackages([...labPackages(here), ...PACKAGES, ...READERS], "the tests");
    // This mostly waits for the network, so it goes on during the next stages.
    if (!here) fetched = attempt(() => done(prepareKernel(kernel)));
    return PASSED;
  });
  return {
    packages,
    executable: checks(BUILD, () => done(build())),
    router: checks("bundle", () => done(makeRouter())),
    labKernel: here ? [] : [checks("the lab's kernel", () => fetched)],
  };
}

function testsOfProducts(options: Options): Stage {
  const { kernel, here } = options;
  const paths = ["tests/executable", "tests/release", ...here ? [] : ["tests/lab"]];
  const env = kernel === undefined ? {} : { LAB_KERNEL: kernel };
  return tests("executable, manual, completions, metrics, lab", () => testHere(paths, options, env));
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
    checks(
      "packages",
      () =>
        done(
          ensurePackages(
            [...labPackages(false), "systemd", "rpm", ...ROOT_TOOLS, ...RELEASE_TOOLS],
            "the tests",
          ),
        ),
    ),
    executable,
    checks(MAKE, () => done(makeTestPackages())),
    checks("make a release", () => done(makeTestRelease())),
    checks("root file systems", () => done(fetchRoots())),
    checks("routers", () => done(makeRouters())),
    tests("files of packages", () => testHere(["tests/packages/files_test.ts"], options)),
    tests("repositories", () => testHere(["tests/packages/repository_test.ts"], options)),
    checks("a machine with pages of 16 KiB", () => done(prepareMachine())),
    tests("pages of 16 KiB", () => testHere(["tests/packages/aarch64_test.ts"], options)),
    tests("lives of packages", () => testInMachines(["tests/packages/life"], options)),
    tests("lives on other releases", () => runLives(options)),
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

async function run(stage: Stage): Promise<Counts> {
  print(`\n== ${stage.name}`);
  const started = Date.now();
  const counts = await attempt(stage.run);
  const ignored = counts.ignored > 0 ? `, ${counts.ignored} ignored` : "";
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  print(`== ${stage.name}: ${counts.passed} passed, ${counts.failed} failed${ignored} in ${seconds} s`);
  const named = counts.failures.length > 0 || counts.failed === 0;
  return named ? counts : { ...counts, failures: [stage.name] };
}

/** The names of all that failed, and why the first ones did. */
function shown(failures: readonly string[]): string[] {
  return failures.map((failure, index) => index < FAILURES_EXPLAINED ? failure : failure.split("\n")[0]!);
}

function parse(args: string[]): Arguments | undefined {
  const { values } = parseArgs({
    args,
    options: {
      kernel: { type: "string" },
      userland: { type: "string" },
      matrix: { type: "boolean", default: false },
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
  let total = NONE;
  let testsRun = 0;
  for (const group of stages(options)) {
    const counts = await Promise.all(group.map(run));
    total = counts.reduce(add, total);
    testsRun += counts.filter((_, index) => group[index]!.kind === "tests")
      .reduce((sum, { passed, failed }) => sum + passed + failed, 0);
    // What comes after them would try an old executable, an old package, or none.
    if (counts.some(({ failed }, index) => failed > 0 && [BUILD, MAKE].includes(group[index]!.name))) break;
  }
  if (testsRun === 0) total = add(total, { ...FAILED, failures: ["No test ran"] });
  if (total.failures.length > 0) print(["\nFailed:", ...shown(total.failures)].join("\n  "));
  print(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  print(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  Deno.exit(2);
}
