const FIRST_MILLISECONDS = 1_000;
const MOST_MILLISECONDS = 30_000;

/** Times between attempts at something that fails: 1, 2, 4 … 30 seconds. */
export class Backoff {
  #next = FIRST_MILLISECONDS;

  /** Milliseconds to wait before the next attempt; each call's are twice those before. */
  next(): number {
    const delay = this.#next;
    this.#next = Math.min(delay * 2, MOST_MILLISECONDS);
    return delay;
  }

  /** It succeeded: the next failure waits the shortest time again. */
  reset(): void {
    this.#next = FIRST_MILLISECONDS;
  }
}
