import { monotonicTime } from "../clock.ts";

/**
 * Waits until a moment of the monotonic clock (null: for ever) or until a signal is aborted, whichever is first. It
 * takes several as `AbortSignal.any` leaves something behind on a signal that lasts, at each call.
 */
export function waitUntil(moment: number | null, ...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    if (signals.some(({ aborted }) => aborted)) return resolve();
    const finish = () => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", finish);
      resolve();
    };
    // An idle interval keeps the process alive where there is nothing to wait for but signals.
    const timer = moment === null
      ? setInterval(() => {}, 2 ** 31 - 1)
      : setTimeout(finish, Math.max(0, Math.min(moment - monotonicTime(), 2 ** 31 - 1)));
    for (const signal of signals) signal.addEventListener("abort", finish);
  });
}

/** Settles as `work` does, unless `stop` is aborted before. @throws its reason then */
export async function unlessStopped<T>(work: Promise<T>, stop: AbortSignal): Promise<T> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const give = () => reject(stop.reason);
  if (stop.aborted) give();
  stop.addEventListener("abort", give);
  try {
    return await Promise.race([work, stopped]);
  } finally {
    stop.removeEventListener("abort", give);
  }
}
