/** Bounds how much work is under way at the same time. The rest waits, first come, first served. */
export class Limit {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param most how many may be under way */
  constructor(most: number) {
    this.#free = most;
  }

  /** Settles as `work` does, which starts at once or when its turn comes. */
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
