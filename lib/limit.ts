/** Limits how many tasks run at the same time. The rest waits, first come, first served. */
export class Limit {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param most how many tasks may run */
  constructor(most: number) {
    this.#free = most;
  }

  /** Runs `work` when its turn comes, and settles as it does. */
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
