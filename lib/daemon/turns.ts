import type { Clock } from "../ports.ts";

/** Least milliseconds between two turns. */
const LEAST_PAUSE_MILLISECONDS = 1;

/** Does work that strangers can cause, in short turns that together take at most some share of the time. */
export class Turns {
  readonly #turn: () => boolean;
  readonly #patience: () => number;
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  #isRunning = false;

  /**
   * @param turn does a little of the work, and returns whether there is more
   * @param patience milliseconds to pause after a turn for each that it took; 1: half of the time is for turns
   */
  constructor(turn: () => boolean, patience: () => number, clock: Clock, stop: AbortSignal) {
    this.#turn = turn;
    this.#patience = patience;
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
      pause = Math.max(LEAST_PAUSE_MILLISECONDS, this.#patience() * (clock.now() - begin));
    }
    this.#isRunning = false;
  }
}
