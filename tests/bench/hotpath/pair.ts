/** A server of one client: what the stand-in for version 0.1 can do, too. */
import { must } from "../../../tools/command.ts";
import { ADDRESS } from "../../lab/network.ts";
import type { Process } from "../../lab/process.ts";
import { Flow } from "../../e2e/flow.ts";
import { INNER, PATIENCE } from "../../e2e/scenario.ts";
import { median, timed } from "../figures.ts";
import { type Arena, TOKEN } from "./contender.ts";
import type { Figure, Note } from "./results.ts";

const VERSION: Figure = { name: "--version, which is hardly more than the runtime's start", unit: "ms" };
const READY: Figure = { name: "server start to gate ready", unit: "ms" };
const READY_CPU: Figure = { name: "server's CPU until its gate is ready", unit: "ms" };
const READY_RSS: Figure = { name: "server's resident memory when its gate is ready", unit: "MiB" };
const FIRST: Figure = { name: "auth packet to tunnel up and reply, first time", unit: "ms" };
const ROAMING: Figure = { name: "auth packet to reply, roaming", unit: "ms" };
const ROAMING_CPU: Figure = { name: "server's CPU for 1,000 roaming auth packets", unit: "ms" };
const PING: Figure = { name: "client start to first ping", unit: "ms" };
/** Of a flow that roams: the first time after a start reads the code for it. */
const ROAMS = ["first time", "later"].map((when) => ({
  gap: { name: `roaming flow, ${when}: last packet by the old path to first by the new`, unit: "ms" },
  authToData: { name: `roaming flow, ${when}: auth packet to first packet let in`, unit: "ms" },
} as const));

/** How often the sender moves in each round. The first few are slower, so it is as often beside a foreign set. */
const MOVES = 15;
/** Datagrams a second of a roaming flow. Their distance limits the resolution of gaps. */
const FLOW_RATE = 500;

/** Measures starts, a first auth packet and moves of its sender. */
export async function measureAuthentication(arena: Arena, note: Note): Promise<void> {
  const { executable } = arena.contender;
  if (executable !== null) note(VERSION, await timed(() => must([executable, "--version"])));
  let server!: Process;
  const idle = await arena.cpuMs();
  note(READY, await timed(async () => server = await arena.server()));
  note(READY_CPU, await arena.cpuMs() - idle);
  note(READY_RSS, await residentMiB(server.pid));
  const from = (port: number) => `0@${ADDRESS.direct}:${port}=${TOKEN}`;
  note(FIRST, (await arena.probe("turns", [from(20_000)]))[0]!);
  const before = await arena.cpuMs();
  const times = await arena.probe("turns", Array.from({ length: MOVES }, (_, move) => from(20_001 + move)));
  note(ROAMING, median(times));
  note(ROAMING_CPU, (await arena.cpuMs() - before) * 1000 / MOVES);
  await server.kill();
}

/** Measures a client's start, and what its flow loses when the NAT gives it another port. */
export async function measureClient(arena: Arena, note: Note): Promise<void> {
  const { contender, scenario } = arena;
  const server = await arena.server();
  let client!: Process;
  const ping = ["ping", "-c1", "-i0.02", "-W1", "-w60", INNER.server];
  const untilPing = await timed(async () => {
    client = await arena.client();
    await scenario.network.must("client", ping);
  });
  note(PING, untilPing);
  if (contender.executable !== null) {
    for (const roam of ROAMS) await measureRoaming(arena, server, client, roam, note);
  }
  await Promise.all([client.kill(), server.kill()]);
}

/** Measures the gap in a flow. The stand-in has no gate, so nothing of its flow is held up. */
async function measureRoaming(
  arena: Arena,
  server: Process,
  client: Process,
  { gap, authToData }: typeof ROAMS[number],
  note: Note,
): Promise<void> {
  const { scenario } = arena;
  const flow = await Flow.start(scenario, FLOW_RATE);
  await scenario.network.remapNat(`kill -USR1 ${client.pid}`);
  await server.waitForLine(/moved from/, PATIENCE);
  await scenario.ping("client");
  // When the NAT forgets its connections, it may also forget one that it just made. No auth packet takes that path.
  const [old, now] = (await flow.end(scenario)).filter(({ authAt }, index) => index === 0 || authAt !== null);
  const times = [old!, now!].map(({ datagrams }) =>
    datagrams.map(({ deliveredAt }) => deliveredAt).filter((time) => time !== null)
  );
  const first = times[1]![0];
  if (first === undefined) throw new Error("nothing of the flow came by the new path");
  note(gap, first - times[0]!.at(-1)!);
  note(authToData, first - now!.authAt!);
}

async function residentMiB(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+)/m.exec(await Deno.readTextFile(`/proc/${pid}/status`))![1]) / 1024;
}
