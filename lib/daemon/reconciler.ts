import { Backoff } from "../backoff.ts";
import { exitCodeOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { LogEvent } from "../log_events.ts";
import type { Clock } from "../ports.ts";

interface ReconcilerContext {
  readonly log: Log;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** Resolves when others changed something, so that a change that failed may succeed, or when `stop` is aborted. */
  readonly news?: (stop: AbortSignal) => Promise<void>;
}

/** A change of which the caller awaits the result. */
interface Attempt {
  readonly undo: () => void;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Turns in which others may ask for more before a change begins. In each a queue's reader takes 16 packets at most. */
const MOST_TURNS = 16;
/** How long a turn lasts when several ask: on a host with one processor, they and the kernel have it meanwhile. */
const CROWD_MILLISECONDS = 1;

/** Key of requests without a callback; no peer has this name. */
const NOBODY = "";

/**
 * Runs one change of the kernel at a time. Requests that arrive during a change are served together by the next one. A
 * failed change is retried until it succeeds or the program stops.
 */
export class Reconciler {
  readonly #change: () => Promise<void>;
  readonly #context: ReconcilerContext;
  #waiting = new Map<string, () => void>();
  /** Requests that the running change will serve. */
  #served = new Map<string, () => void>();
  #attempt: Attempt | null = null;
  #hurry = new AbortController();
  #running: Promise<void> | null = null;
  /** When a change that failed is tried again if nothing happens before; null: none failed. */
  #retryAt: number | null = null;
  #fault: string | null = null;

  /** @param change brings the kernel to what is wanted at the time of the call */
  constructor(change: () => Promise<void>, context: ReconcilerContext) {
    this.#change = change;
    this.#context = context;
  }

  /**
   * Requests a change. `then` is called when a change that began after this call has succeeded. A later request with the
   * same key replaces a waiting one, so the number of requests is limited by that of keys.
   */
  request(key: string, then: () => void): void {
    this.#waiting.set(key, then);
    this.#running ??= this.#run();
  }

  /** Requests a change without waiting for its result. */
  follow(): void {
    this.request(NOBODY, () => {});
  }

  /** Whether a change runs, or waits to be tried again. */
  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Why a change fails again and again; null: none does. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Whether a request with this key is not served yet. */
  isPending(key: string): boolean {
    return this.#waiting.has(key) || this.#served.has(key);
  }

  /**
   * Makes a change that may be impossible, without waiting for the end of a pause between retries. If it fails twice, or
   * once after other changes failed, `undo` is called to restore what was wanted before, and another change is requested.
   * One at a time.
   *
   * @throws the last failure
   */
  attempt(undo: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#attempt = { undo, resolve, reject };
    this.#hurry.abort();
    this.#running ??= this.#run();
    return promise;
  }

  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const backoff = new Backoff();
    let failedBefore = false;
    while (this.#isDue) {
      await this.#gather();
      if (!this.#isDue) break;
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
        else await this.#pause(error as Error, failedBefore ? backoff : null);
        failedBefore = true;
        continue;
      }
      backoff.reset();
      failedBefore = false;
      this.#retryAt = this.#fault = null;
      this.#served = new Map();
      for (const then of served.values()) then();
      if (attempt !== null) this.#attempt = null;
      attempt?.resolve();
    }
    // Here, not when the promise settles: nobody would run a request made in between.
    this.#running = null;
  }

  /** Lets others have two turns, and more while each brings requests: many peers may move at once. */
  async #gather(): Promise<void> {
    const { clock, stop } = this.#context;
    for (let turn = 0, count = 0; turn < 2 || turn < MOST_TURNS && this.#waiting.size > count; turn++) {
      count = this.#waiting.size;
      await clock.waitUntil(count > 1 ? clock.now() + CROWD_MILLISECONDS : -Infinity, stop);
    }
  }

  get #isDue(): boolean {
    return (this.#waiting.size > 0 || this.#attempt !== null) && !this.#context.stop.aborted;
  }

  #giveUp({ undo, reject }: Attempt, error: unknown): void {
    this.#attempt = null;
    undo();
    this.follow();
    reject(error);
  }

  /** The first failure is retried at once: usually someone else had changed the kernel. */
  async #pause(error: Error, backoff: Backoff | null): Promise<void> {
    const { log, clock } = this.#context;
    const { message } = error;
    if (backoff === null) return log.info(`${message}; looking at the kernel again`);
    this.#fault = message;
    if (this.#retryAt === null || this.#retryAt <= clock.now()) {
      const delay = backoff.next();
      this.#retryAt = clock.now() + delay;
      const seconds = delay / 1000;
      const event: LogEvent = { event: "fault", code: exitCodeOf(error), seconds };
      log.error(`${message}; trying again in ${seconds} s`, event);
    } else log.info(message);
    await this.#newsOr(this.#retryAt);
  }

  /** Waits for others' changes, for a moment, or for a change that is not to wait. */
  async #newsOr(moment: number): Promise<void> {
    const { clock, stop, news } = this.#context;
    const over = new AbortController();
    const waits = [clock.waitUntil(moment, stop, this.#hurry.signal, over.signal)];
    if (news !== undefined) waits.push(news(over.signal));
    await Promise.race(waits);
    over.abort();
    await Promise.all(waits);
  }
}
