import { monotonicTime } from "../clock.ts";
import { waitUntil } from "./wait.ts";

/** Least milliseconds between two turns. */
const LEAST_PAUSE_MILLISECONDS = 1;

/** Works off, in short turns, what strangers can make us do: all of it never takes more than half of the time. */
export class Turns {
  readonly #turn: () => boolean;
  readonly #stop: AbortSignal;
  #isRunning = false;

  /** @param turn does a little of the work @returns whether there is more */
  constructor(turn: () => boolean, stop: AbortSignal) {
    this.#turn = turn;
    this.#stop = stop;
  }

  /** There is work. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run();
  }

  async #run(): Promise<void> {
    let pause = LEAST_PAUSE_MILLISECONDS;
    while (true) {
      await waitUntil(monotonicTime() + pause, this.#stop);
      if (this.#stop.aborted) return;
      const begin = monotonicTime();
      if (!this.#turn()) break;
      pause = Math.max(LEAST_PAUSE_MILLISECONDS, monotonicTime() - begin);
    }
    this.#isRunning = false;
  }
}
