import { Backoff } from "../backoff.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports.ts";

/** A change whose caller waits for its result. */
interface Attempt {
  readonly undo: () => void;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Key of the requests without a callback; no peer has this name. */
const NOBODY = "";

/**
 * Runs one change of the kernel at a time. Requests that arrive while one runs are served together by the next. A
 * change that fails is retried until it succeeds or the program stops.
 */
export class Reconciler {
  readonly #change: () => Promise<void>;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  #waiting = new Map<string, () => void>();
  /** Requests that the change under way will serve. */
  #served = new Map<string, () => void>();
  #attempt: Attempt | null = null;
  #hurry = new AbortController();
  #running: Promise<void> | null = null;

  /** @param change brings the kernel to what is wanted when it is called */
  constructor(
    change: () => Promise<void>,
    { log, clock, stop }: { readonly log: Log; readonly clock: Clock; readonly stop: AbortSignal },
  ) {
    this.#change = change;
    this.#log = log;
    this.#clock = clock;
    this.#stop = stop;
  }

  /**
   * Requests a change. `then` is called once a change that began after this call has succeeded. A later request with
   * the same key replaces one that still waits, so there are never more than there are keys.
   */
  request(key: string, then: () => void): void {
    this.#waiting.set(key, then);
    this.#running ??= this.#run();
  }

  /** Requests a change without waiting for its result. */
  follow(): void {
    this.request(NOBODY, () => {});
  }

  /** Whether a request with this key still waits to be served. */
  isPending(key: string): boolean {
    return this.#waiting.has(key) || this.#served.has(key);
  }

  /**
   * Makes a change that may turn out to be impossible, without waiting for any pause between retries. If it fails
   * twice, `undo` is called to take back what was wanted, and the kernel is brought back to that. One at a time.
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
    // Not when the promise settles: a request that came in between would find nobody to run it.
    this.#running = null;
  }

  #giveUp({ undo, reject }: Attempt, error: unknown): void {
    this.#attempt = null;
    undo();
    this.follow();
    reject(error);
  }

  /** The first failure is retried at once: usually something else had changed the kernel. */
  async #pause({ message }: Error, delay: number): Promise<void> {
    if (delay === 0) return this.#log.info(`${message}; looking again at what there is`);
    this.#log.error(`${message}; trying again in ${delay / 1000} s`);
    await this.#clock.waitUntil(this.#clock.now() + delay, this.#stop, this.#hurry.signal);
  }
}
