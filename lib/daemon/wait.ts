import { monotonicTime } from "../clock.ts";

/** Waits until a moment of the monotonic clock (null: for ever) or until `signal` is aborted, whichever is first. */
export function waitUntil(moment: number | null, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    // An idle interval keeps the process alive where there is nothing to wait for but signals.
    const timer = moment === null
      ? setInterval(() => {}, 2 ** 31 - 1)
      : setTimeout(finish, Math.max(0, Math.min(moment - monotonicTime(), 2 ** 31 - 1)));
    signal.addEventListener("abort", finish);
  });
}
