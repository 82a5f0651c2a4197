/**
 * What floods of junk auth packets do to those who come then: clients with keys that are new to a hub at addresses that
 * are new to it, and one that moves to other ports of its address. Executables that are given as arguments are measured by
 * turns with the one that was built: a hub of each in every round.
 */
import { ADDRESS } from "../lab/network.ts";
import { IPIPOU, makeKeys, PORT, Scenario } from "../e2e/scenario.ts";
import { print } from "./figures.ts";
import { FLOODS, SECRET, startFlood, startFloodedHub } from "./flooded_hub.ts";

const NEWCOMER = new URL("../e2e/newcomer.py", import.meta.url).pathname;
/** Packets a second of each flood; "other" is what the gate drops at once. */
const RATES = { quiet: 0, other: 20_000, ...FLOODS } as const;
const KINDS = Object.keys(RATES) as (keyof typeof RATES)[];
const ROUNDS = 4;
/** New clients, and moves, in each flood of each round. */
const COUNT = 8;
const MOST_TRIES = 3;
const RETRY_SECONDS = 3;
const NEW_NETWORK = "100.66.0.";
const ROAMER = "203.0.113.50";

interface Arrival {
  readonly kind: string;
  /** 0: it never was answered. */
  readonly tries: number;
  readonly ms: number;
}

/** A hub with all the clients of one round. */
class Hub {
  readonly #scenario: Scenario;
  readonly #keys = new Map(KINDS.map((kind) => [kind, Array.from({ length: COUNT }, makeKeys)]));
  readonly #roamer = makeKeys();

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  async start(executable: string): Promise<void> {
    const { network } = this.#scenario;
    await network.must("direct", [
      "sh",
      "-ec",
      [
        `ip address add ${ROAMER}/32 dev eth0`,
        `ip route add local ${NEW_NETWORK}0/24 dev lo`,
      ].join("\n"),
    ]);
    await network.must("router", ["ip", "route", "add", `${NEW_NETWORK}0/24`, "via", ADDRESS.direct]);
    const keys = [makeKeys(), this.#roamer, ...[...this.#keys.values()].flat()];
    await startFloodedHub(this.#scenario, executable, keys);
  }

  async measure(kind: typeof KINDS[number]): Promise<readonly Arrival[]> {
    const rate = RATES[kind];
    const flood = rate === 0 ? null : startFlood(this.#scenario, kind, rate, ROAMER);
    // Whatever the limits let through in the first moment is used up.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const arrivals = await this.#arrivals(this.#keys.get(kind)!);
    await flood?.kill("SIGKILL");
    return arrivals;
  }

  async #arrivals(keys: readonly ReturnType<typeof makeKeys>[]): Promise<Arrival[]> {
    const private_ = [this.#roamer, ...keys].map(({ privateKey }) => `${privateKey}\n`).join("");
    const file = await this.#scenario.write("keys", private_);
    const options = [`${ADDRESS.server}:${PORT}`, file, SECRET, NEW_NETWORK, ROAMER];
    const output = await this.#scenario.network.must("direct", [
      ...["/usr/bin/python3", "-B", NEWCOMER, ...options, String(MOST_TRIES), String(RETRY_SECONDS)],
    ]);
    return output.trim().split("\n").filter(Boolean).map((line) => {
      const [kind = "", tries, ms] = line.split(" ");
      return { kind, tries: Number(tries), ms: Number(ms) };
    });
  }
}

/** The value that `share` of all are not above. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Infinity;
}

function describe(arrivals: readonly Arrival[], which: string): string {
  const all = arrivals.filter(({ kind }) => kind === which);
  const times = all.map(({ tries, ms }) => tries === 0 ? Infinity : ms);
  const tries = all.map(({ tries }) => tries === 0 ? Infinity : tries);
  return `${which}: ${all.filter(({ tries }) => tries > 0).length} of ${all.length} in, tries ` +
    `p50 ${quantile(tries, 0.5)} max ${quantile(tries, 1)}, ms p50 ${quantile(times, 0.5).toFixed(0)} ` +
    `p99 ${quantile(times, 0.99).toFixed(0)}`;
}

const executables = [IPIPOU, ...Deno.args];
const arrivals = new Map(executables.map((executable) => [
  executable,
  new Map(KINDS.map((kind): [string, Arrival[]] => [kind, []])),
]));
for (let round = 0; round < ROUNDS; round++) {
  for (const executable of executables) {
    await using scenario = await Scenario.create({ direct: true });
    const hub = new Hub(scenario);
    await hub.start(executable);
    for (const kind of KINDS) {
      const these = await hub.measure(kind);
      arrivals.get(executable)!.get(kind)!.push(...these);
      print(`${executable} ${kind}: ${describe(these, "new")}; ${describe(these, "moved")}`);
    }
  }
  // After each round, as a run may be cut short.
  for (const [executable, byKind] of arrivals) {
    for (const [kind, these] of byKind) {
      print(`TOTAL ${executable} ${kind}: ${describe(these, "new")}; ${describe(these, "moved")}`);
    }
  }
}
