import { Backoff } from "../backoff.ts";
import { monotonicTime } from "../clock.ts";
import type { Log } from "../log.ts";
import { waitUntil } from "./wait.ts";

/**
 * Runs one change of the kernel at a time, for callers who never wait for it: requests that come while one runs
 * are served together by the next. A change that fails is tried again until it succeeds or the program stops.
 */
export class Reconciler {
  readonly #change: () => Promise<void>;
  readonly #log: Log;
  readonly #stop: AbortSignal;
  #waiting = new Map<string, () => void>();
  #running: Promise<void> | null = null;

  /** @param change brings the kernel to what is wanted at the time of the call */
  constructor(change: () => Promise<void>, log: Log, stop: AbortSignal) {
    this.#change = change;
    this.#log = log;
    this.#stop = stop;
  }

  /**
   * Asks for a change; `then` is called once a change that began afterwards has succeeded. Of several requests
   * with the same key that wait, the last one counts, so that no more wait than there are keys.
   */
  request(key: string, then: () => void): void {
    this.#waiting.set(key, then);
    this.#running ??= this.#run();
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const backoff = new Backoff();
    let failedBefore = false;
    while (this.#waiting.size > 0 && !this.#stop.aborted) {
      const served = this.#waiting;
      this.#waiting = new Map();
      try {
        await this.#change();
      } catch (error) {
        this.#waiting = new Map([...served, ...this.#waiting]);
        await this.#pause(error as Error, failedBefore ? backoff.next() : 0);
        failedBefore = true;
        continue;
      }
      backoff.reset();
      failedBefore = false;
      for (const then of served.values()) then();
    }
    // Here and not when the promise settles: a request that comes in between would find nobody to run it.
    this.#running = null;
  }

  /** The first failure is tried again at once: as a rule something had changed behind our back. */
  async #pause({ message }: Error, delay: number): Promise<void> {
    if (delay === 0) return this.#log.info(`${message}; looking again at what there is`);
    this.#log.error(`${message}; trying again in ${delay / 1000} s`);
    await waitUntil(monotonicTime() + delay, this.#stop);
  }
}
