import type { Clock } from "../ports.ts";

/** Least milliseconds between two turns. */
const LEAST_PAUSE_MILLISECONDS = 1;

/** Does work that strangers can cause, in short turns that together take at most half of the time. */
export class Turns {
  readonly #turn: () => boolean;
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  #isRunning = false;

  /** @param turn does a little of the work @returns whether there is more */
  constructor(turn: () => boolean, clock: Clock, stop: AbortSignal) {
    this.#turn = turn;
    this.#clock = clock;
    this.#stop = stop;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run();
  }

  async #run(): Promise<void> {
    const clock = this.#clock;
    let pause = LEAST_PAUSE_MILLISECONDS;
    while (true) {
      await clock.waitUntil(clock.now() + pause, this.#stop);
      if (this.#stop.aborted) return;
      const begin = clock.now();
      if (!this.#turn()) break;
      pause = Math.max(LEAST_PAUSE_MILLISECONDS, clock.now() - begin);
    }
    this.#isRunning = false;
  }
}
