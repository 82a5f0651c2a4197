import { setImmediate } from "node:timers/promises";
import type { Clock, Random } from "./ports.ts";

/** Longest delay of a timer, in milliseconds. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** The machine's clocks. */
export const CLOCK: Clock = {
  now: () => performance.now(),
  unixTime: () => Math.floor(Date.now() / 1000),
  waitUntil,
};

/** The runtime's randomness. */
export const RANDOM: Random = {
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  fraction: () => Math.random(),
};

/** Takes several signals, because each call of `AbortSignal.any` would leave something behind on a lasting signal. */
function waitUntil(moment: number | null, ...signals: readonly AbortSignal[]): Promise<void> {
  if (signals.some(({ aborted }) => aborted)) return Promise.resolve();
  // A timer would take two milliseconds.
  if (moment !== null && moment <= performance.now()) return setImmediate();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", finish);
      resolve();
    };
    // An idle interval keeps the process alive when only signals can end the wait.
    const timer = moment === null
      ? setInterval(() => {}, LONGEST_DELAY)
      : setTimeout(finish, Math.min(moment - performance.now(), LONGEST_DELAY));
    for (const signal of signals) signal.addEventListener("abort", finish);
  });
}
