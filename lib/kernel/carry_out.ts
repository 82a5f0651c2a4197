import { IpipouError } from "../errors.ts";
import type { Refusals } from "./kept_out.ts";
import { apart, type Owners } from "./owners.ts";
import type { Transition } from "./plan.ts";
import { RefusedError, type Runner } from "./runner.ts";

/** The kernel's answer when a FOU port that is to be added exists. */
const IN_USE = "Address already in use";

/**
 * Carries out a plan. Where the kernel refuses what is for single devices, everything else that `ip` is to do is still
 * done, but nobody is let in: the rest takes another plan.
 *
 * @param onMade called after `ip`, if nothing was refused
 * @throws {IpipouError} naming the command that failed, if it was for all
 */
export async function carryOut(
  plan: Transition,
  owners: Owners,
  runner: Runner,
  onMade: () => void,
): Promise<Refusals> {
  const { confirm, withdraw, close, ip, open } = plan;
  const refusals = new Map<string, IpipouError>();
  const steps: [lines: readonly string[], run: () => Promise<void>][] = [
    [
      confirm,
      () => attribute(() => runner.ipEach(confirm, IN_USE), confirm, (line) => owners.ofIp(line), refusals),
    ],
    [withdraw, () => runIp(withdraw, owners, runner, refusals)],
    [close, () => runNft(close, owners, runner, refusals)],
    [ip, () => runIp(ip, owners, runner, refusals)],
    [open, () => runNft(open, owners, runner, refusals)],
  ];
  for (const [lines, run] of steps) {
    if (lines.length > 0) await run();
    if (refusals.size > 0) break;
    if (lines === ip) onMade();
  }
  return refusals;
}

/** Runs commands up to the last: those of a device only up to the first that is refused. */
async function runIp(
  lines: readonly string[],
  owners: Owners,
  runner: Runner,
  refusals: Map<string, IpipouError>,
): Promise<void> {
  const left = new Set<string>();
  for (let rest = lines; rest.length > 0;) {
    try {
      await runner.ip(rest);
      return;
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      const at = error.lines[0]!;
      const devices = owners.ofIp(rest[at]!);
      if (devices.length === 0) throw error;
      if (!owners.isVictim(rest[at]!, left)) { for (const device of devices) refusals.set(device, error); }
      for (const device of devices) left.add(device);
      rest = rest.slice(at + 1).filter((line) => {
        const others = owners.ofIp(line);
        return others.length === 0 || others.some((device) => !left.has(device));
      });
    }
  }
}

/** Runs one transaction. If it is refused, it is tried with a line for each element, so that nft names the element. */
async function runNft(
  lines: readonly string[],
  owners: Owners,
  runner: Runner,
  refusals: Map<string, IpipouError>,
): Promise<void> {
  try {
    await runner.nft(lines);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    const single = apart(lines);
    await attribute(() => runner.nft(single), single, (line) => owners.ofNft(line), refusals);
  }
}

async function attribute(
  run: () => Promise<void>,
  lines: readonly string[],
  ownersOf: (line: string) => readonly string[],
  refusals: Map<string, IpipouError>,
): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    const owners = error.lines.map((line) => ownersOf(lines[line]!));
    if (owners.some(({ length }) => length === 0)) throw error;
    for (const device of owners.flat()) refusals.set(device, error);
  }
}
