import { Backoff } from "../backoff.ts";
import { monotonicTime } from "../clock.ts";
import type { Log } from "../log.ts";
import { waitUntil } from "./wait.ts";

/** A change that its caller waits for. */
interface Attempt {
  readonly undo: () => void;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Key of the requests that nobody waits for; no peer's name. */
const NOBODY = "";

/**
 * Runs one change of the kernel at a time, for callers who never wait for it: requests that come while one runs
 * are served together by the next. A change that fails is tried again until it succeeds or the program stops.
 */
export class Reconciler {
  readonly #change: () => Promise<void>;
  readonly #log: Log;
  readonly #stop: AbortSignal;
  #waiting = new Map<string, () => void>();
  /** Those that the change under way is for. */
  #served = new Map<string, () => void>();
  #attempt: Attempt | null = null;
  #hurry = new AbortController();
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

  /** Asks for a change of which nobody wants to hear. */
  follow(): void {
    this.request(NOBODY, () => {});
  }

  /** Tells whether a request with this key is not served yet. */
  isPending(key: string): boolean {
    return this.#waiting.has(key) || this.#served.has(key);
  }

  /**
   * Asks for a change that may turn out to be impossible, at once even if others wait for a new try. When it fails
   * twice, `undo` is to take back what was wanted, and the kernel is brought to what it was. One at a time.
   *
   * @throws what the change failed with
   */
  attempt(undo: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#attempt = { undo, resolve, reject };
    this.#hurry.abort();
    this.#running ??= this.#run();
    return promise;
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const backoff = new Backoff();
    let failedBefore = false;
    while ((this.#waiting.size > 0 || this.#attempt !== null) && !this.#stop.aborted) {
      const served = this.#served = this.#waiting;
      const attempt = this.#attempt;
      this.#waiting = new Map();
      this.#hurry = new AbortController();
      try {
        await this.#change();
      } catch (error) {
        this.#waiting = new Map([...served, ...this.#waiting]);
        this.#served = new Map();
        if (failedBefore && attempt !== null) this.#giveUp(attempt, error);
        else await this.#pause(error as Error, failedBefore ? backoff.next() : 0);
        failedBefore = true;
        continue;
      }
      backoff.reset();
      failedBefore = false;
      this.#served = new Map();
      for (const then of served.values()) then();
      if (attempt !== null) this.#attempt = null;
      attempt?.resolve();
    }
    // Here and not when the promise settles: a request that comes in between would find nobody to run it.
    this.#running = null;
  }

  #giveUp({ undo, reject }: Attempt, error: unknown): void {
    this.#attempt = null;
    undo();
    this.follow();
    reject(error);
  }

  /** The first failure is tried again at once: as a rule something had changed behind our back. */
  async #pause({ message }: Error, delay: number): Promise<void> {
    if (delay === 0) return this.#log.info(`${message}; looking again at what there is`);
    this.#log.error(`${message}; trying again in ${delay / 1000} s`);
    await waitUntil(monotonicTime() + delay, this.#stop, this.#hurry.signal);
  }
}
