/** A file and its size, by which the time that its tests take is guessed. */
export interface Sized {
  readonly path: string;
  readonly size: number;
}

/** Shares files out: the largest first, each to whoever has least by then. @returns `count` lists of paths */
export function share(files: readonly Sized[], count: number): string[][] {
  const shares = Array.from({ length: count }, () => ({ size: 0, paths: [] as string[] }));
  for (const { path, size } of files.toSorted((a, b) => b.size - a.size)) {
    const least = shares.reduce((one, other) => other.size < one.size ? other : one);
    least.size += size;
    least.paths.push(path);
  }
  return shares.map(({ paths }) => paths);
}
