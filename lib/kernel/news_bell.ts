import type { KernelNews } from "../kernel_ports.ts";
import type { Clock } from "../ports.ts";

/** Lets several wait for the kernel's news at a time. Each has to look whether there is anything for it. */
export class NewsBell {
  readonly #news: Pick<KernelNews, "wait">;
  readonly #clock: Pick<Clock, "waitUntil">;
  readonly #waiting = new Set<PromiseWithResolvers<void>>();
  /** Ends the wait that all share; null: there is none. */
  #end: AbortController | null = null;

  constructor(news: Pick<KernelNews, "wait">, clock: Pick<Clock, "waitUntil">) {
    this.#news = news;
    this.#clock = clock;
  }

  /** Resolves when there may be news, or `stop` is aborted. @throws {SysError} */
  async wait(stop: AbortSignal): Promise<void> {
    if (stop.aborted) return;
    const waiter = Promise.withResolvers<void>();
    const leave = () => waiter.resolve();
    stop.addEventListener("abort", leave);
    this.#waiting.add(waiter);
    if (this.#end === null) this.#listen();
    try {
      await waiter.promise;
    } finally {
      stop.removeEventListener("abort", leave);
      this.#waiting.delete(waiter);
      if (this.#waiting.size === 0) this.#end?.abort();
    }
  }

  /** Resolves when there are news, at a moment of the clock, or when `stop` is aborted. */
  async waitUntil(moment: number, stop: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = () => over.abort();
    stop.addEventListener("abort", end, { signal: over.signal });
    await Promise.all([
      this.wait(over.signal).then(end),
      this.#clock.waitUntil(moment, over.signal).then(end),
    ]);
  }

  /** Wakes all who wait. */
  ring(): void {
    for (const { resolve } of this.#waiting) resolve();
  }

  async #listen(): Promise<void> {
    const end = this.#end = new AbortController();
    try {
      await this.#news.wait(end.signal);
      this.#end = null;
      this.ring();
    } catch (error) {
      this.#end = null;
      for (const { reject } of this.#waiting) reject(error);
    }
  }
}
