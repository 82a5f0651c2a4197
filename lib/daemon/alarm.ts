import type { Clock } from "../ports.ts";

/** Rings at a moment that may change. */
export class Alarm {
  readonly #due: () => number | null;
  readonly #ring: () => void;
  readonly #clock: Clock;
  #set: number | null = null;
  #woken = new AbortController();

  /** @param due the moment to ring at, milliseconds of `Clock.now()`; null: never */
  constructor(due: () => number | null, ring: () => void, clock: Clock) {
    this.#due = due;
    this.#ring = ring;
    this.#clock = clock;
  }

  /** The moment may have changed. */
  update(): void {
    if (this.#due() !== this.#set) this.#woken.abort();
  }

  /** Rings whenever it is time, until told to stop. */
  async keep(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      this.#woken = new AbortController();
      this.#set = this.#due();
      if (this.#set !== null && this.#set <= this.#clock.now()) this.#ring();
      else await this.#clock.waitUntil(this.#set, stop, this.#woken.signal);
    }
  }
}
