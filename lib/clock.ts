import type { Clock, Random } from "./ports.ts";

/** Longest delay of a timer of the runtime, in milliseconds. */
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

/** Takes several signals, as `AbortSignal.any` leaves something behind at each call on a signal that lasts. */
function waitUntil(moment: number | null, ...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    if (signals.some(({ aborted }) => aborted)) return resolve();
    const finish = () => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", finish);
      resolve();
    };
    // An idle interval keeps the process alive where there is nothing to wait for but signals.
    const timer = moment === null
      ? setInterval(() => {}, LONGEST_DELAY)
      : setTimeout(finish, Math.max(0, Math.min(moment - performance.now(), LONGEST_DELAY)));
    for (const signal of signals) signal.addEventListener("abort", finish);
  });
}
