/** Has only so much work under way at the same time; the rest waits for its turn. */
export class Limit {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param most works at the same time */
  constructor(most: number) {
    this.#free = most;
  }

  /** Settles as `work` does, which begins at once or when others have ended. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
