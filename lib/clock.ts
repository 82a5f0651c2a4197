/**
 * Milliseconds since some moment of the past: for deadlines and lifetimes, which must not jump with the wall clock
 * when a router without a battery learns the time.
 */
export function monotonicTime(): number {
  return performance.now();
}

/** Unix seconds: for the time in auth packets. */
export function unixTime(): number {
  return Math.floor(Date.now() / 1000);
}
