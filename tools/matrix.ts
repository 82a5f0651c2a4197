import { prepareKernel } from "../tests/lab/kernel.ts";
import { ROOT_TOOLS } from "../tests/lab/roots.ts";
import { prepareUserland } from "../tests/lab/userland.ts";
import { add, type Counts } from "./junit.ts";
import { ensurePackages } from "./packages.ts";
import { attempt, NONE, type Options, print, testInMachines } from "./run_tests.ts";

const DOCUMENT = new URL("../docs/compatibility.md", import.meta.url).pathname;
const HEAD = "| Linux | iproute2 | nftables | Debian | tests |\n| --- | --- | --- | --- | --- |\n";

/** Kernels of the lab, each with the programs of the Debian release that it is the kernel of. */
export const MATRIX = [
  { kernel: "5.10", userland: "bullseye" },
  { kernel: "6.1", userland: "bookworm" },
  { kernel: "6.12", userland: "trixie" },
  { kernel: "7.2", userland: "forky" },
] as const;

type Row = (typeof MATRIX)[number];

/** What is tried on all of them: the gate, hubs and private addresses, take-over after a kill, reload, expiry. */
const CORE = ["auth", "hub", "private_address", "crash", "reload", "admission"]
  .map((name) => `tests/e2e/${name}_test.ts`);

/** Lives of Debian's package, on a whole system. */
const LIVES = ["deb", "apt"].map((name) => `tests/packages/life/${name}_test.ts`);

/** What came of a row of the matrix. */
export interface Tried {
  /** As `uname -r` says it. */
  readonly kernel: string;
  readonly userland: string;
  readonly versions: Readonly<Record<"ip" | "nft", string>>;
  readonly counts: Counts;
}

/**
 * Runs the core tests on each kernel, or on that asked for, with its programs, and writes the table of what was tried.
 *
 * @param document path of what has the table
 */
export async function runMatrix(
  options: Options,
  tryRow: (row: Row, options: Options) => Promise<Tried> = tryInMachines,
  document: string = DOCUMENT,
): Promise<Counts> {
  const tried: Tried[] = [];
  for (const row of rowsFor(options.kernel)) tried.push(await tryRow(row, options));
  // With a filter, what it leaves out was not tried.
  if (options.filter === undefined) {
    await Deno.writeTextFile(document, withTable(await Deno.readTextFile(document), tried));
  }
  return tried.map(({ counts }) => counts).reduce(add);
}

async function tryInMachines({ kernel, userland }: Row, options: Options): Promise<Tried> {
  await ensurePackages(ROOT_TOOLS, "other releases' programs");
  print(`\n== Linux ${kernel} with the programs of ${userland}`);
  const { release } = await prepareKernel(kernel);
  const { versions } = await prepareUserland(userland);
  const counts = await attempt(() => testInMachines(CORE, { ...options, kernel, userland }));
  return { kernel: release, userland, versions, counts };
}

/** Installs, runs, upgrades and purges the package on each release: machines of their own, with its kernel. */
export async function runLives(options: Options): Promise<Counts> {
  let counts = NONE;
  for (const { kernel, userland } of rowsFor(options.kernel)) {
    print(`\n== ${userland} with Linux ${kernel}`);
    const machine = { ...options, kernel, root: userland };
    const live = async () => {
      // Here, as two machines would fetch it at the same time, and apt lets only one.
      await prepareKernel(kernel);
      return await testInMachines(LIVES, machine);
    };
    counts = add(counts, await attempt(live));
  }
  return counts;
}

/** The rows of the matrix for a kernel; undefined: for all. @throws {Error} when none is for it */
export function rowsFor(asked: string | undefined): readonly Row[] {
  const rows = MATRIX.filter(({ kernel }) => asked === undefined || kernel === asked);
  if (rows.length > 0) return rows;
  const known = MATRIX.map(({ kernel }) => kernel).join(", ");
  throw new Error(`--kernel must be one of ${known} with --matrix: ${asked}`);
}

/** The document with what was tried in its table. Rows of other releases stay. @throws {Error} when it has no table */
export function withTable(document: string, tried: readonly Tried[]): string {
  const [table] = /^\| Linux +\|.*\n(\|.*\n)+/m.exec(document) ?? [];
  if (table === undefined) throw new Error("Cannot find the table of kernels that were tried");
  const before = table.split("\n").map((row) => row.split("|").map((cell) => cell.trim()));
  const rows = MATRIX.flatMap(({ userland }) => {
    const now = tried.find((one) => one.userland === userland);
    if (now !== undefined) return [rowOf(now)];
    return before.filter(([, , , , name]) => name === userland).map((cells) =>
      `${cells.join(" | ").trim()}\n`
    );
  });
  return document.replace(table, () => HEAD + rows.join(""));
}

function rowOf({ kernel, userland, versions: { ip, nft }, counts: { passed, failed } }: Tried): string {
  const outcome = failed === 0 ? `all ${passed} pass` : `${failed} of ${passed + failed} fail`;
  return `| ${kernel} | ${ip} | ${nft} | ${userland} | ${outcome} |\n`;
}
