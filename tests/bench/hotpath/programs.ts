/** Which programs a server runs for what changes with each auth packet, and their memory. Not timed: counting is slow. */
import type { Member } from "../../e2e/crowd.ts";
import { eventually } from "../../e2e/scenario.ts";
import { print } from "../figures.ts";
import type { Arena } from "./contender.ts";
import { lineOf, startHub } from "./hub.ts";
import type { Figure, Note } from "./results.ts";

const FIGURES = {
  renewal: { name: "programs for a renewal", unit: "programs" },
  move: { name: "programs for a move", unit: "programs" },
  admission: { name: "programs for an admission of a peer whose device stands", unit: "programs" },
  server: { name: "resident memory of the server", unit: "MiB" },
  all: { name: "resident memory of the server and its largest program", unit: "MiB" },
} as const satisfies Record<string, Figure>;
const LIFETIME_SECONDS = 20;
/** Milliseconds in which what follows a reply is begun. */
const QUIET = 1500;

/** Counts for one peer of two. */
export async function countPrograms(
  arena: Arena,
  members: readonly Member[],
  note: Note,
): Promise<void> {
  const { contender, scenario: { network } } = arena;
  const hub = await startHub(arena, members.slice(0, 2), LIFETIME_SECONDS);
  const member = members[0]!;
  await arena.probe("turns", [lineOf(members[1]!, 0)]);
  await arena.probe("turns", [lineOf(member, 0)]);
  const take = await arena.countPrograms();
  let largest = 0;
  const count = async (figure: Figure, move: number) => {
    await take();
    await arena.probe("turns", [lineOf(member, move)]);
    await new Promise((resolve) => setTimeout(resolve, QUIET));
    const calls = await take();
    largest = Math.max(largest, ...calls.map(({ mib }) => mib));
    note(figure, calls.length);
    print(`${figure.name}, ${contender.name}: ${calls.map(({ command }) => command).join("; ")}`);
  };
  await count(FIGURES.renewal, 0);
  await count(FIGURES.move, 1);
  await eventually("it has expired", async () => {
    const list = ["nft", "list", "map", "ip", "ipipou", "remotes-ipipou1"];
    return !(await network.must("server", list)).includes("elements");
  });
  await count(FIGURES.admission, 1);
  const rss = await residentMiB(hub.pid);
  note(FIGURES.server, rss);
  note(FIGURES.all, rss + largest);
  await hub.kill();
}

async function residentMiB(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+)/m.exec(await Deno.readTextFile(`/proc/${pid}/status`))![1]) / 1024;
}
