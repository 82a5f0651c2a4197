import { must } from "../../tools/command.ts";
import type { Scenario } from "../e2e/scenario.ts";

const IPERF_SECONDS = 2;

/** Writes a line to standard output. */
export function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** The median; of an even number of values, the upper middle one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** The milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Milliseconds of processor time that a process took so far. */
export async function cpuMs(pid: number): Promise<number> {
  const fields = (await Deno.readTextFile(`/proc/${pid}/stat`)).replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The results of several measurements, made one after the other. */
export async function repeat(rounds: number, measure: () => Promise<number>): Promise<number[]> {
  const values = [];
  for (let round = 0; round < rounds; round++) values.push(await measure());
  return values;
}

/** The milliseconds that one `ip netns exec NS ip link show lo` takes here and now: the unit of all times. */
export async function yardstick(): Promise<number> {
  await must(["ip", "netns", "add", "yardstick"]);
  try {
    const one = ["ip", "netns", "exec", "yardstick", "ip", "link", "show", "lo"];
    return median(await repeat(9, () => timed(() => must(one))));
  } finally {
    await must(["ip", "netns", "delete", "yardstick"]);
  }
}

/** The TCP throughput from the host `direct` to `address`, in bits per second. @param args more options of iperf3 */
export async function throughput({ network }: Scenario, address: string, ...args: string[]): Promise<number> {
  const run = ["iperf3", "-J", "-c", address, "-t", String(IPERF_SECONDS), ...args];
  const report = JSON.parse(await network.must("direct", run));
  return (report.end.sum_received ?? report.end.sum).bits_per_second;
}
