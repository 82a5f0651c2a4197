const ROOT = new URL("..", import.meta.url).pathname;

/** Whole seconds that test files take, by path, as measured when running in parallel. */
const TIMES = `${ROOT}tests/seconds.json`;
/** Assumed for a file that is not listed. */
const USUAL_SECONDS = 60;

/** A test file, and how many seconds it takes. */
export interface Timed {
  readonly path: string;
  readonly seconds: number;
}

/** Distributes files: the longest first, each to the least loaded share. @returns `count` lists of paths */
export function share(files: readonly Timed[], count: number): string[][] {
  const shares = Array.from({ length: count }, () => ({ seconds: 0, paths: [] as string[] }));
  for (const { path, seconds } of files.toSorted((a, b) => b.seconds - a.seconds)) {
    const least = shares.reduce((one, other) => other.seconds < one.seconds ? other : one);
    least.seconds += seconds;
    least.paths.push(path);
  }
  return shares.map(({ paths }) => paths);
}

/** How much of the time the first batches take, and how many later ones there are for each worker. */
const FIRST = 1 / 2;
const LATER = 2;

/**
 * Lists of paths for so many workers, each of which takes the next when it is done: first a large one for each, of the
 * files that take the longest, then small ones that make up for what took longer than expected.
 */
export function batches(files: readonly Timed[], workers: number): string[][] {
  const total = files.reduce((sum, { seconds }) => sum + seconds, 0);
  let before = 0;
  const isFirst = ({ seconds }: Timed) => (before += seconds) - seconds < FIRST * total;
  const sorted = files.toSorted((a, b) => b.seconds - a.seconds);
  const { first = [], rest = [] } = Object.groupBy(sorted, (file) => isFirst(file) ? "first" : "rest");
  return [...share(first, workers), ...share(rest, LATER * workers)];
}

/** The test files of directories, and those that are named themselves. All paths are relative to the checkout. */
export async function testFiles(paths: readonly string[]): Promise<Timed[]> {
  const times = await readTimes();
  const files: Timed[] = [];
  const add = (path: string) => files.push({ path, seconds: times[path] ?? USUAL_SECONDS });
  for (const path of paths) {
    if (isTest(path)) {
      add(path);
      continue;
    }
    for await (const { name } of Deno.readDir(`${ROOT}${path}`)) if (isTest(name)) add(`${path}/${name}`);
  }
  return files;
}

function isTest(path: string): boolean {
  return path.endsWith("_test.ts");
}

/** Records how many seconds files took, by path. Other files' records stay. */
export async function writeTimes(times: ReadonlyMap<string, number>): Promise<void> {
  await Deno.writeTextFile(TIMES, `${JSON.stringify(withTimes(await readTimes(), times), null, 2)}\n`);
}

/** The records with what was measured, in whole seconds, sorted. */
export function withTimes(
  records: Readonly<Record<string, number>>,
  times: ReadonlyMap<string, number>,
): Record<string, number> {
  const measured = Object.fromEntries(times.entries().map(([path, time]) => [path, Math.ceil(time)]));
  return Object.fromEntries(Object.entries({ ...records, ...measured }).sort());
}

async function readTimes(): Promise<Record<string, number>> {
  return JSON.parse(await Deno.readTextFile(TIMES));
}
