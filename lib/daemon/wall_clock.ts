import type { ClockWatch, System } from "../ports.ts";
import { EARLIEST_TIME } from "../earliest_time.ts";
import type { DaemonContext } from "./context.ts";

/** How long to wait for a clock to be set. Then it is tried with the wrong time, as some servers do not look at it. */
const PATIENCE_MILLISECONDS = 30_000;
/** Seconds of a step from which on the clock counts as set, or the host as suspended, rather than corrected. */
const LEAST_STEP = 2;

type WallClockContext = Pick<DaemonContext, "log" | "service"> & {
  readonly system: Pick<System, "clock" | "openClockWatch">;
};

/** The system's clock, which may be wrong until somebody sets it, and which stands still while the host is suspended. */
export class WallClock {
  readonly #context: WallClockContext;
  readonly #matters: boolean;
  readonly #consequence: string;
  readonly #patientUntil: number;

  /**
   * @param matters whether anything depends on the right time
   * @param consequence what becomes of that while it is wrong, in words
   */
  constructor(context: WallClockContext, matters: boolean, consequence: string) {
    const { system: { clock }, log } = context;
    this.#context = context;
    this.#matters = matters;
    this.#consequence = consequence;
    this.#patientUntil = clock.now() + PATIENCE_MILLISECONDS;
    if (this.lack !== null) log.warning(this.lack, { event: "clock-unset" });
  }

  /** What is wrong with it; null: nothing that is known. */
  get lack(): string | null {
    const time = this.#context.system.clock.unixTime();
    if (!this.#matters || time >= EARLIEST_TIME) return null;
    const shown = new Date(time * 1000).toISOString().slice(0, 10);
    return `waiting for this host's clock to be set, as it says ${shown}: ${this.#consequence}`;
  }

  /** Until when not to rely on it, in milliseconds of `Clock.now()`; null: no longer. */
  get holdUntil(): number | null {
    const isOver = this.#patientUntil <= this.#context.system.clock.now();
    return isOver || this.lack === null ? null : this.#patientUntil;
  }

  /**
   * Calls `onSet` whenever the clock was set or the host was suspended, until `stop` is aborted.
   *
   * @param onSet gets the seconds that the clock went forward
   */
  async follow(stop: AbortSignal, onSet: (step: number) => void): Promise<void> {
    const { system: { clock }, log, service } = this.#context;
    using watch = this.#open();
    if (watch === null) return;
    let before = offsetOf(clock);
    while (await watch.wait(stop)) {
      const after = offsetOf(clock);
      const step = Math.round(after - before);
      before = after;
      service.update();
      if (Math.abs(step) < LEAST_STEP) continue;
      log.notice(
        step < 0
          ? `the clock went back by ${-step} s`
          : `the clock went forward by ${step} s, or this host was suspended`,
        { event: "clock-set", seconds: step },
      );
      if (this.lack !== null) log.warning(this.lack, { event: "clock-unset" });
      onSet(step);
    }
  }

  #open(): ClockWatch | null {
    try {
      return this.#context.system.openClockWatch();
    } catch (error) {
      this.#context.log.info(`${(error as Error).message}: nothing tells when the clock is set`);
      return null;
    }
  }
}

/** Seconds between the two clocks. */
function offsetOf(clock: System["clock"]): number {
  return clock.unixTime() - clock.now() / 1000;
}
