/**
 * What floods of junk auth packets do to those who come then: clients with keys that are new to a hub at addresses that
 * are new to it, one that moves to other ports of its address, and the data of one that is in. Executables that are given
 * as arguments are measured by turns with the one that was built: a hub of each in every round.
 */
import { ADDRESS } from "../lab/network.ts";
import { makeKeys, PATIENCE, PORT, Scenario } from "../e2e/scenario.ts";
import { IPIPOU } from "../e2e/scenario.ts";
import { cpuMs, median, print } from "./figures.ts";

const FLOODER = new URL("../e2e/flood.py", import.meta.url).pathname;
const NEWCOMER = new URL("../e2e/newcomer.py", import.meta.url).pathname;
/** Packets a second by what the flood pretends; "other" is what the gate drops at once, as a measure for the data. */
const FLOODS = { quiet: 0, other: 20_000, many: 20_000, stranger: 20_000, address: 5_000 } as const;
const KINDS = Object.keys(FLOODS) as (keyof typeof FLOODS)[];
const ROUNDS = 4;
/** New clients, and moves, in each flood of each round. */
const COUNT = 8;
const MOST_TRIES = 3;
const RETRY_SECONDS = 3;
/** Longer than any phase; floods are ended. */
const FLOOD_SECONDS = 600;
const HUB = "172.28.0.2";
const INNER = "172.28.0.3";
const NEW_NETWORK = "100.66.0.";
const ROAMER = "203.0.113.50";
const SECRET = "a secret of this bench";
const IPERF_SECONDS = 4;

interface Arrival {
  readonly kind: string;
  /** 0: it never was answered. */
  readonly tries: number;
  readonly ms: number;
}

interface Figures {
  readonly arrivals: Arrival[];
  readonly throughputs: number[];
  /** The hub's processor time while data is sent, in percent. */
  readonly shares: number[];
}

/** A hub with all the clients of one round. */
class Hub {
  readonly #scenario: Scenario;
  readonly #keys = new Map(KINDS.map((kind) => [kind, Array.from({ length: COUNT }, makeKeys)]));
  readonly #roamer = makeKeys();
  readonly #steady = makeKeys();

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  /** @returns the hub's process id */
  async start(executable: string): Promise<number> {
    const { network } = this.#scenario;
    const keys = [this.#steady, this.#roamer, ...[...this.#keys.values()].flat()];
    const peers = keys.map(({ publicKey }, index) =>
      `[[peer]]\nname = "p${index}"\ntunl.peer-ip = "172.28.${index >> 6}.${3 + (index & 63)}"\n` +
      `auth.remote-pubkey-b64 = "${publicKey}"\n`
    );
    const settings = `server = true\nnumber = 1\nreply-on-auth-ok = true\nfou.local = "@eth0"\n` +
      `tunl.ip = "${HUB}"\nauth.secret = "${SECRET}"\n${peers.join("")}`;
    await network.must("direct", [
      "sh",
      "-ec",
      [
        `ip address add ${ROAMER}/32 dev eth0`,
        `ip route add local ${NEW_NETWORK}0/24 dev lo`,
      ].join("\n"),
    ]);
    await network.must("router", ["ip", "route", "add", `${NEW_NETWORK}0/24`, "via", ADDRESS.direct]);
    const program = (...args: string[]) => [
      ...[
        "env",
        "-i",
        `PATH=${this.#scenario.programs}`,
        `STATE_DIRECTORY=${this.#scenario.directory}/state`,
      ],
      ...[executable, ...args],
    ];
    const file = await this.#scenario.write("hub.toml", settings);
    const hub = network.spawn("server", program("-v", "--config", file));
    await hub.waitForLine(/waiting for clients/, PATIENCE);
    network.spawn(
      "client",
      program(
        ...["-n1", "-b@eth0", "-r", `${ADDRESS.server}:${PORT}`, "--keepalive", "2", "--tunl-ip", INNER],
        ...["--tunl-peer-ip", HUB, "--auth-key-b64", this.#steady.privateKey, "--auth-secret", SECRET],
      ),
    );
    await hub.waitForLine(/ p0: tunnel up/, PATIENCE);
    network.spawn("server", ["iperf3", "-s"]);
    return hub.pid;
  }

  async measure(
    kind: typeof KINDS[number],
    pid: number,
  ): Promise<{ arrivals: Arrival[]; throughput: number; share: number }> {
    const rate = FLOODS[kind];
    const ends = [`${ADDRESS.server}:${PORT}`, `${ROAMER}:${PORT}`];
    const flood = rate === 0 ? null : this.#scenario.network.spawn("router", [
      ...["/usr/bin/python3", "-B", FLOODER, kind, ...ends, String(rate), String(FLOOD_SECONDS)],
    ]);
    // Whatever the limits let through in the first moment is used up.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const before = { ms: await cpuMs(pid), at: performance.now() };
    const throughput = await this.#throughput();
    const share = 100 * (await cpuMs(pid) - before.ms) / (performance.now() - before.at);
    const arrivals = await this.#arrivals(this.#keys.get(kind)!);
    await flood?.kill("SIGKILL");
    return { arrivals, throughput, share };
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

  /** Megabits of TCP data in a second, from the steady client. */
  async #throughput(): Promise<number> {
    const { network } = this.#scenario;
    const run = ["iperf3", "-J", "-c", HUB, "-t", String(IPERF_SECONDS)];
    const { end } = JSON.parse(await network.must("client", run));
    return end.sum_received.bits_per_second / 1e6;
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
const figures = new Map(executables.map((executable) => [
  executable,
  new Map(KINDS.map((kind): [string, Figures] => [kind, { arrivals: [], throughputs: [], shares: [] }])),
]));
for (let round = 0; round < ROUNDS; round++) {
  for (const executable of executables) {
    await using scenario = await Scenario.create({ direct: true });
    const hub = new Hub(scenario);
    const pid = await hub.start(executable);
    for (const kind of KINDS) {
      const { arrivals, throughput, share } = await hub.measure(kind, pid);
      const mine = figures.get(executable)!.get(kind)!;
      mine.arrivals.push(...arrivals);
      mine.throughputs.push(throughput);
      mine.shares.push(share);
      print(
        `${executable} ${kind}: ${describe(arrivals, "new")}; ${describe(arrivals, "moved")}; ` +
          `${throughput.toFixed(0)} Mbit/s; hub's CPU ${share.toFixed(1)} %`,
      );
    }
  }
  // After each round, as a run may be cut short.
  for (const [executable, byKind] of figures) {
    for (const [kind, { arrivals, throughputs, shares }] of byKind) {
      const sorted = throughputs.toSorted((a, b) => a - b);
      print(
        `TOTAL ${executable} ${kind}: ${describe(arrivals, "new")}; ${describe(arrivals, "moved")}; ` +
          `Mbit/s median ${median(throughputs).toFixed(0)}, ${sorted[0]!.toFixed(0)} to ${
            sorted.at(-1)!.toFixed(0)
          }; hub's CPU ${median(shares).toFixed(1)} %`,
      );
    }
  }
}
