import type { Clock } from "../ports.ts";

/** Least milliseconds between two turns. */
const LEAST_PAUSE_MILLISECONDS = 1;
/** Milliseconds to pause for each of a turn while something more urgent is under way. */
const PATIENCE = 7;

/** Does work that strangers can cause, in short turns that together take at most half of the time, and an eighth while something else is urgent. */
export class Turns {
  readonly #turn: () => boolean;
  readonly #isUrgent: () => boolean;
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  #isRunning = false;

  /**
   * @param turn does a little of the work, and returns whether there is more
   * @param isUrgent whether what is done for others is to be slowed down as little as possible
   */
  constructor(turn: () => boolean, isUrgent: () => boolean, clock: Clock, stop: AbortSignal) {
    this.#turn = turn;
    this.#isUrgent = isUrgent;
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
      const pauses = this.#isUrgent() ? PATIENCE : 1;
      pause = Math.max(LEAST_PAUSE_MILLISECONDS, pauses * (clock.now() - begin));
    }
    this.#isRunning = false;
  }
}
