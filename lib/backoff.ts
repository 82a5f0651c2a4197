const FIRST_MILLISECONDS = 1_000;
const MOST_MILLISECONDS = 30_000;

/** Pauses between attempts: 1, 2, 4 … 30 seconds. */
export class Backoff {
  #next = FIRST_MILLISECONDS;

  /** Milliseconds to wait before the next attempt: twice as long at each call. */
  next(): number {
    const delay = this.#next;
    this.#next = Math.min(delay * 2, MOST_MILLISECONDS);
    return delay;
  }

  reset(): void {
    this.#next = FIRST_MILLISECONDS;
  }
}
