import { IpipouError } from "../errors.ts";
import { IN_USE } from "./cures.ts";
import type { Refusals } from "./kept_out.ts";
import { apart, type Owners } from "./owners.ts";
import type { Transition } from "./plan.ts";
import { type Executor, RefusedSteps } from "./executor.ts";
import { RefusedError } from "./runner.ts";
import type { Step } from "./step.ts";

/**
 * Carries out a plan. Where the kernel refuses what is for single devices, everything else that devices need is still
 * done, but nobody is let in: the rest takes another plan.
 *
 * @param onMade called after `ip`, if nothing was refused
 * @throws {IpipouError} naming the command that failed, if it was for all
 */
export async function carryOut(
  plan: Transition,
  owners: Owners,
  executor: Executor,
  onMade: () => void,
): Promise<Refusals> {
  const { confirm, withdraw, close, ip, open } = plan;
  const refusals = new Map<string, IpipouError>();
  const parts: [steps: readonly Step[], run: () => Promise<void>][] = [
    [
      confirm,
      () =>
        attribute(() => executor.ipEach(confirm, IN_USE), confirm, ({ line }) => owners.ofIp(line), refusals),
    ],
    [withdraw, () => runIp(withdraw, owners, executor, refusals)],
    [close, () => runNft(close, owners, executor, refusals)],
    [ip, () => runIp(ip, owners, executor, refusals)],
    [open, () => runNft(open, owners, executor, refusals)],
  ];
  for (const [steps, run] of parts) {
    if (steps.length > 0) await run();
    if (refusals.size > 0) break;
    if (steps === ip) onMade();
  }
  return refusals;
}

/** Takes steps up to the last: those of a device only up to the first that is refused. */
async function runIp(
  steps: readonly Step[],
  owners: Owners,
  executor: Executor,
  refusals: Map<string, IpipouError>,
): Promise<void> {
  const left = new Set<string>();
  for (let rest = steps; rest.length > 0;) {
    try {
      await executor.ip(rest);
      return;
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      const [first] = error.lines as readonly [number];
      const { refused, tried } = error instanceof RefusedSteps
        ? error
        : { refused: [{ at: first, error }], tried: first + 1 };
      for (const { at, error } of refused) {
        const { line } = rest[at]!;
        const devices = owners.ofIp(line);
        if (devices.length === 0) throw error;
        if (!owners.isVictim(line, left)) { for (const device of devices) refusals.set(device, error); }
        for (const device of devices) left.add(device);
      }
      rest = rest.slice(tried).filter(({ line }) => {
        const others = owners.ofIp(line);
        return others.length === 0 || others.some((device) => !left.has(device));
      });
    }
  }
}

/** Makes one transaction. If it is refused, it is tried with a step for each element, so that the element is named. */
async function runNft(
  steps: readonly Step[],
  owners: Owners,
  executor: Executor,
  refusals: Map<string, IpipouError>,
): Promise<void> {
  try {
    await executor.nft(steps);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    const single = apart(steps);
    await attribute(() => executor.nft(single), single, ({ line }) => owners.ofNft(line), refusals);
  }
}

async function attribute(
  run: () => Promise<void>,
  steps: readonly Step[],
  ownersOf: (step: Step) => readonly string[],
  refusals: Map<string, IpipouError>,
): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    const owners = error.lines.map((line) => ownersOf(steps[line]!));
    if (owners.some(({ length }) => length === 0)) throw error;
    for (const device of owners.flat()) refusals.set(device, error);
  }
}
