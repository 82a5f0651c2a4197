import process from "node:process";
import fc from "fast-check";
import type { Target } from "./target.ts";

/** Most processor time that the program may take for one input, in milliseconds. */
const MOST_MILLISECONDS = 2_000;
/** Milliseconds after which a smaller input that fails too is no longer looked for. */
const SHRINK_MILLISECONDS = 20_000;

/** How long to fuzz a target, and with which inputs. */
export interface Budget {
  /** The same seed gives the same inputs. */
  readonly seed: number;
  /** Most inputs. */
  readonly count: number;
  /** Most milliseconds; null: no limit. */
  readonly milliseconds: number | null;
  /** Of an earlier failure with this seed: leads to its input alone. */
  readonly path?: string | undefined;
  /** Most processor time for one input, in milliseconds. */
  readonly perInput?: number;
}

/** How fuzzing a target ended. */
export interface Result {
  readonly name: string;
  readonly inputs: number;
  readonly seconds: number;
  /** Null: all held for every input. */
  readonly failure: Failure | null;
}

/** The smallest input that was found for which something does not hold. */
interface Failure {
  readonly input: string;
  /** What does not hold, and where. */
  readonly reason: string;
  /** For `Budget.path`. */
  readonly path: string;
}

/**
 * Gives a target one input after the other, until the budget is used up or something does not hold.
 *
 * @param onInput called before each input
 */
export async function fuzz(
  { name, input, check }: Target,
  { seed, count, milliseconds, path, perInput = MOST_MILLISECONDS }: Budget,
  onInput: () => void = () => {},
): Promise<Result> {
  let inputs = 0;
  let failedAt: number | null = null;
  const start = performance.now();
  const property = fc.asyncProperty(input, async (value) => {
    if (failedAt === null) inputs++;
    else if (performance.now() - failedAt > SHRINK_MILLISECONDS) return;
    onInput();
    try {
      await withinTime(() => check(value), perInput);
    } catch (error) {
      failedAt ??= performance.now();
      throw error;
    }
  });
  const details = await fc.check(property, {
    seed,
    numRuns: count,
    ...milliseconds === null ? {} : { interruptAfterTimeLimit: Math.max(1, milliseconds) },
    ...path === undefined ? {} : { path, endOnFailure: true },
  });
  const { counterexample, counterexamplePath, errorInstance } = details;
  return {
    name,
    inputs,
    seconds: (performance.now() - start) / 1000,
    failure: counterexample === null ? null : {
      input: fc.stringify(counterexample[0]),
      reason: errorInstance instanceof Error
        ? errorInstance.stack ?? errorInstance.message
        : String(errorInstance),
      path: counterexamplePath ?? "",
    },
  };
}

/** Measures processor time, since others may keep this machine busy. */
async function withinTime(work: () => void | Promise<void>, most: number): Promise<void> {
  const { user } = process.cpuUsage();
  await work();
  const taken = (process.cpuUsage().user - user) / 1000;
  if (taken > most) throw new Error(`it took ${Math.round(taken)} ms of processor time`);
}
