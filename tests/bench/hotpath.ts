/**
 * What an auth packet costs, from its arrival to the kernel's new state: two or more executables are measured in turns
 * in one run, and beside them the stand-in for version 0.1 where it can do the same. All of it once more beside a
 * foreign nft set, as lists of countries' networks are.
 */
import { parseArgs } from "node:util";
import { makeMembers } from "../e2e/crowd.ts";
import { IPIPOU } from "../e2e/scenario.ts";
import { print } from "./figures.ts";
import { Arena, type Contender, mountCgroups } from "./hotpath/contender.ts";
import { Hub } from "./hotpath/hub.ts";
import { measureAuthentication, measureClient } from "./hotpath/pair.ts";
import { countPrograms } from "./hotpath/programs.ts";
import { type Note, Results } from "./hotpath/results.ts";

const ROWS = ["authentication", "client", "renewals", "moves", "programs"] as const;
type Rows = typeof ROWS[number];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: "string", default: ROWS.join() },
    rounds: { type: "string", default: "7" },
    peers: { type: "string", default: "1000" },
    foreign: { type: "string", default: "200000" },
  },
});
const rows = options.rows.split(",") as Rows[];
const wrong = rows.filter((name) => !ROWS.includes(name));
if (wrong.length > 0) throw new Error(`no such rows: ${wrong.join()}; there are ${ROWS.join()}`);
const rounds = Number(options.rounds);
const peers = Number(options.peers);
const results = new Results();
const contenders = listContenders(positionals.length > 0 ? positionals : [IPIPOU]);

/** Executables first, then the stand-in; then all executables beside the foreign set. */
function listContenders(paths: readonly string[]): Contender[] {
  const executables = paths.map((executable, index) => {
    const name = executable.slice(executable.lastIndexOf("/") + 1);
    return {
      name: paths.indexOf(executable) === index ? name : `${name} (${index + 1})`,
      executable,
      foreign: 0,
    };
  });
  const foreign = Number(options.foreign);
  const beside = foreign > 0 ? executables.map((one) => ({ ...one, foreign })) : [];
  return [...executables, { name: "Python", executable: null, foreign: 0 }, ...beside];
}

/**
 * Calls `measure` for each subject in each round, in changing order. The first round warms up, and its values are not
 * noted. A subject that failed once is left out.
 */
async function inTurns<T>(
  what: string,
  subjects: ReadonlyMap<Contender, T>,
  measure: (subject: T, note: Note) => Promise<void>,
): Promise<void> {
  const failed = new Set<Contender>();
  for (let round = 0; round <= rounds; round++) {
    for (const [contender, subject] of round % 2 === 0 ? [...subjects] : [...subjects].reverse()) {
      if (failed.has(contender)) continue;
      try {
        await measure(subject, (figure, value) => {
          if (round > 0) results.note(figure, contender, value);
        });
      } catch (error) {
        failed.add(contender);
        print(`${what}: ${contender.name}, ${contender.foreign} foreign elements: failed: ${error}`);
      }
    }
    print(`${what}: round ${round} of ${rounds}`);
  }
}

/** Makes a network for each contender; all stand at the same time. */
async function arenasOf(
  resources: AsyncDisposableStack,
  chosen: readonly Contender[],
): Promise<Map<Contender, Arena>> {
  const { path } = resources.use(await mountCgroups());
  const arenas = new Map<Contender, Arena>();
  for (const contender of chosen) arenas.set(contender, resources.use(await Arena.create(contender, path)));
  return arenas;
}

async function measurePairs(): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const arenas = await arenasOf(resources, contenders);
  if (rows.includes("authentication")) {
    await inTurns("authentication", arenas, measureAuthentication);
  }
  if (rows.includes("client")) await inTurns("client", arenas, measureClient);
}

async function measureHubs(): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const arenas = await arenasOf(resources, contenders.filter(({ executable }) => executable !== null));
  const members = await makeMembers(Math.max(peers, 2));
  if (rows.includes("programs")) {
    for (const [contender, arena] of arenas) {
      await countPrograms(arena, members, (figure, value) => results.note(figure, contender, value));
    }
  }
  if (!rows.includes("renewals") && !rows.includes("moves")) return;
  const figures = {
    time: { name: `${peers} peers that move at once, until all are in`, unit: "ms" },
    cpu: { name: `${peers} peers that move at once, server's CPU`, unit: "ms" },
  } as const;
  const hubs = new Map<Contender, Hub>();
  for (const [contender, arena] of arenas) {
    hubs.set(contender, await Hub.start(arena, members.slice(0, peers), figures));
    print(`hub of ${contender.name}, ${contender.foreign} foreign elements: all peers are in`);
  }
  if (rows.includes("renewals")) await inTurns("renewals", hubs, (hub, note) => hub.measureRenewals(note));
  if (rows.includes("moves")) await inTurns("moves", hubs, (hub, note) => hub.measureMoves(note));
}

if (rows.includes("authentication") || rows.includes("client")) {
  await measurePairs();
  results.print(contenders);
}
if (rows.some((name) => name !== "authentication" && name !== "client")) {
  await measureHubs();
  results.print(contenders);
}
