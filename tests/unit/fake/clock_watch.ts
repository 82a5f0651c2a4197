import type { ClockWatch } from "../../../lib/ports.ts";
import type { VirtualClock } from "./clock.ts";

/** Notices when a virtual clock is set. */
export class FakeClockWatch implements ClockWatch {
  readonly #clock: VirtualClock;
  readonly #note: () => void;
  #isSet = false;
  #wake: (() => void) | null = null;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
    this.#note = () => {
      this.#isSet = true;
      this.#wake?.();
    };
    clock.onSet.add(this.#note);
  }

  async wait(stop: AbortSignal): Promise<boolean> {
    if (!this.#isSet && !stop.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = () => resolve();
      this.#wake = wake;
      stop.addEventListener("abort", wake);
      await promise;
      stop.removeEventListener("abort", wake);
      this.#wake = null;
    }
    const isSet = this.#isSet && !stop.aborted;
    if (isSet) this.#isSet = false;
    return isSet;
  }

  /** Called when its process is killed. */
  abandon(): void {
    this.#clock.onSet.delete(this.#note);
    this.#wake = null;
  }

  [Symbol.dispose](): void {
    this.#clock.onSet.delete(this.#note);
  }
}
