/**
 * What floods of junk auth packets take from the data of a client that is in: TCP from it to a hub of 42 keys, by turns
 * without a flood, with one that the server's first rule drops, and with one that comes to the gate. Sender, server and
 * flood may share a processor, so the second is what the same packets cost where nothing is made of them.
 */
import { ADDRESS } from "../lab/network.ts";
import { IPIPOU, makeKeys, PATIENCE, PORT, Scenario } from "../e2e/scenario.ts";
import { median, print } from "./figures.ts";
import { FLOODED, FLOODS, startFlood, startFloodedHub } from "./flooded_hub.ts";

type Kind = keyof typeof FLOODS;
const KINDS = Object.keys(FLOODS) as Kind[];
const CLIENTS = 42;
const WARM_UP_MILLISECONDS = 1_000;
const IPERF_SECONDS = 3;
/** Of a UDP datagram with a signed auth packet. */
const JUNK_LENGTH = 81;
const TABLE = "first";

/** @property isDropped by the server's first rule, before the gate */
interface Phase {
  readonly kind: Kind;
  readonly isDropped: boolean;
}

const [rounds = "7", executable = IPIPOU] = Deno.args;
const phases: readonly (Phase | null)[] = [
  null,
  ...KINDS.flatMap((kind) => [{ kind, isDropped: true }, { kind, isDropped: false }]),
];

await using scenario = await Scenario.create({ direct: true });
const { network } = scenario;
await startFloodedHub(scenario, executable, Array.from({ length: CLIENTS }, makeKeys));
await network.spawn("server", ["iperf3", "-s", "--forceflush"]).waitForLine(/Server listening/, PATIENCE);
await nft(`add table ip ${TABLE}`);
await nft(`add chain ip ${TABLE} incoming { type filter hook prerouting priority -500; }`);

async function nft(command: string): Promise<void> {
  await network.must("server", ["nft", command]);
}

/** Megabits of TCP data in a second, from the client. */
async function measure(phase: Phase | null): Promise<number> {
  if (phase?.isDropped) {
    await nft(`add rule ip ${TABLE} incoming udp dport ${PORT} udp length ${JUNK_LENGTH} drop`);
  }
  const flood = phase === null ? null : startFlood(scenario, phase.kind, FLOODS[phase.kind], ADDRESS.nat);
  // Whatever the limits let through in the first moment is used up.
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MILLISECONDS));
  const run = ["iperf3", "-J", "-c", FLOODED.hub, "-t", String(IPERF_SECONDS)];
  const { end } = JSON.parse(await network.must("client", run));
  await flood?.kill("SIGKILL");
  if (phase?.isDropped) await nft(`flush chain ip ${TABLE} incoming`);
  return end.sum_received.bits_per_second / 1e6;
}

function spread(values: readonly number[], digits: number): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${least.toFixed(digits)}..${most.toFixed(digits)})`;
}

const figures = new Map(phases.map((phase): [Phase | null, number[]] => [phase, []]));
// The first round warms up.
for (let round = 0; round <= Number(rounds); round++) {
  for (const phase of round % 2 === 0 ? phases : phases.toReversed()) {
    const mbits = await measure(phase);
    if (round > 0) figures.get(phase)!.push(mbits);
  }
  print(`round ${round} of ${rounds}`);
}
const none = figures.get(null)!;
print(`\n| flood | Mbit/s | of none | of dropped by the first rule |\n| --- | --- | --- | --- |`);
let dropped: readonly number[] = [];
for (const [phase, values] of figures) {
  const ratios = (of: readonly number[]) => spread(values.map((value, round) => value / of[round]!), 2);
  const name = phase === null
    ? "none"
    : `${phase.kind}, ${phase.isDropped ? "dropped by the first rule" : "to the gate"}`;
  const isAtGate = phase !== null && !phase.isDropped;
  print(`| ${name} | ${spread(values, 0)} | ${ratios(none)} | ${isAtGate ? ratios(dropped) : ""} |`);
  dropped = values;
}
