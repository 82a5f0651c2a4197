import type { Node } from "./node.ts";

/** The programs that run on a node while something happens: "ip" and "nft" that change something; "look at …". */
export async function runsDuring(node: Node, work: () => Promise<void> | void): Promise<string[]> {
  const { runs } = node.host.programs;
  const { length } = runs;
  await work();
  return runs.slice(length);
}

/** Of such runs, those that change something. */
export function changesIn(runs: readonly string[]): string[] {
  return runs.filter((run) => !/ -j(son)? /.test(run)).map((run) => run.split(" ")[0]!);
}
