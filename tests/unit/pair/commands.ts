import type { Node } from "./node.ts";

/** The command lines that a node runs during `work`. */
export async function runsDuring(node: Node, work: () => Promise<void> | void): Promise<string[]> {
  const { runs } = node.host.programs;
  const { length } = runs;
  await work();
  return runs.slice(length);
}

/** The programs of those command lines that change something. */
export function changesIn(runs: readonly string[]): string[] {
  return runs.filter((run) => !/ -j(son)? /.test(run)).map((run) => run.split(" ")[0]!);
}
