/**
 * What a server and a client cost that have nothing to do: how often the kernel woke one of their threads in a minute
 * (voluntary context switches), what processor time they took, and their resident memory. Executables that are given
 * as arguments are measured too, one after the other.
 */
import { type Host, Network } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { INNER, IPIPOU, PATIENCE, PORT, Scenario } from "../e2e/scenario.ts";
import { print } from "./figures.ts";

const SECONDS = 60;
/** Seconds until a start is over: V8 collects its garbage several times in the first minute and a half. */
const SETTLE = 120;
const KEEPALIVE = 25;
const TOKEN = ["--auth-token", "open sesame"];

/** What a process took so far. */
interface Cost {
  readonly wakeUps: number;
  readonly cpuMs: number;
  readonly rssMiB: number;
}

async function costOf(pid: number): Promise<Cost> {
  let wakeUps = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const status = await Deno.readTextFile(`/proc/${pid}/task/${name}/status`);
    wakeUps += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)![1]);
  }
  const stat = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")[1]!.split(" ");
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return {
    wakeUps,
    cpuMs: 10 * (Number(stat[11]) + Number(stat[12])),
    rssMiB: Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) / 1024,
  };
}

async function measure(executable: string, options: { keepalive: number; reply: boolean }): Promise<void> {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  const token = options.reply ? [...TOKEN, "--reply-on-auth-ok"] : TOKEN;
  const server = start(network, scenario, "server", executable, "-s", ...token);
  await server.waitForLine(/waiting for clients/, PATIENCE);
  const remote = ["-r", `192.0.2.1:${PORT}`, "--tunl-ip", INNER.client];
  const keepalive = ["--keepalive", `${options.keepalive}`];
  const client = start(network, scenario, "client", executable, ...remote, ...keepalive, ...token);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await pause(SETTLE);
  const processes = { server, client };
  const before = await Promise.all(Object.values(processes).map(({ pid }) => costOf(pid)));
  await pause(SECONDS);
  for (const [index, [name, { pid }]] of Object.entries(processes).entries()) {
    const after = await costOf(pid);
    const { wakeUps, cpuMs } = before[index]!;
    print(
      `${executable}, keepalive ${options.keepalive} s, ${options.reply ? "" : "no "}replies, ${name}: ` +
        `${after.wakeUps - wakeUps} wake-ups and ${
          after.cpuMs - cpuMs
        } ms of processor time in ${SECONDS} s, ` +
        `RSS ${after.rssMiB.toFixed(1)} MiB`,
    );
  }
}

function start(network: Network, scenario: Scenario, host: Host, ...argv: string[]): Process {
  const [executable, ...args] = argv;
  const environment = [`PATH=${scenario.programs}`, `STATE_DIRECTORY=${scenario.directory}/${host}`];
  return network.spawn(host, ["env", "-i", ...environment, executable!, "-n1", "-b@eth0", ...args]);
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

for (const executable of [IPIPOU, ...Deno.args]) {
  for (const [keepalive, reply] of [[0, false], [KEEPALIVE, true]] as const) {
    await measure(executable, { keepalive, reply });
  }
}
