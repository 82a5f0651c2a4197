const ROOT = new URL("..", import.meta.url).pathname;

/** Seconds that files of tests take, by path: whole ones, as measured once, side by side. */
const TIMES = `${ROOT}tests/seconds.json`;
/** What a file is taken to need that is not there. */
const USUAL_SECONDS = 60;

/** A file, and how long its tests take, in seconds. */
export interface Timed {
  readonly path: string;
  readonly seconds: number;
}

/** Shares files out: the longest first, each to whoever has least by then. @returns `count` lists of paths */
export function share(files: readonly Timed[], count: number): string[][] {
  const shares = Array.from({ length: count }, () => ({ seconds: 0, paths: [] as string[] }));
  for (const { path, seconds } of files.toSorted((a, b) => b.seconds - a.seconds)) {
    const least = shares.reduce((one, other) => other.seconds < one.seconds ? other : one);
    least.seconds += seconds;
    least.paths.push(path);
  }
  return shares.map(({ paths }) => paths);
}

/** The test files of directories, given and returned as paths from the checkout on. */
export async function testFiles(directories: readonly string[]): Promise<Timed[]> {
  const times = await readTimes();
  const files: Timed[] = [];
  for (const directory of directories) {
    for await (const { name } of Deno.readDir(`${ROOT}${directory}`)) {
      const path = `${directory}/${name}`;
      if (name.endsWith("_test.ts")) files.push({ path, seconds: times[path] ?? USUAL_SECONDS });
    }
  }
  return files;
}

/** Remembers how long files took, in seconds by path, beside what is remembered of others. */
export async function writeTimes(times: ReadonlyMap<string, number>): Promise<void> {
  const measured = Object.fromEntries(times.entries().map(([path, time]) => [path, Math.ceil(time)]));
  const all = Object.entries({ ...await readTimes(), ...measured }).sort();
  await Deno.writeTextFile(TIMES, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`);
}

async function readTimes(): Promise<Record<string, number>> {
  return JSON.parse(await Deno.readTextFile(TIMES));
}
