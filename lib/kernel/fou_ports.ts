import { exitCodeOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { LogEvent } from "../log_events.ts";
import type { Clock, System } from "../ports.ts";
import type { Losses } from "./losses.ts";
import type { NewsBell } from "./news_bell.ts";
import type { Picture } from "./picture.ts";
import { changeListener } from "./plan_devices.ts";
import type { Executor } from "./executor.ts";
import { listenerKey } from "./state.ts";

/** The kernel's answer when a FOU port that is to be deleted does not exist. */
const NO_SUCH_PORT = "Invalid argument";

/** Least milliseconds between two checks. */
const LEAST_CHECK_INTERVAL = 1_000;

const CLOSED = "the gate is away: FOU ports are closed until it is back";

interface FouPortsContext {
  readonly picture: Picture;
  readonly losses: Losses;
  readonly bell: NewsBell;
  readonly clock: Clock;
  readonly executor: Executor;
  readonly isPortFree: System["isPortFree"];
  readonly log: Log;
  /** Has the picture take the kernel's news. */
  readonly takeNews: () => void;
}

/** An instance's FOU ports at its main address. Without a gate, whoever shares an address with a tunnel gets in there. */
export class FouPorts {
  readonly #context: FouPortsContext;
  #checkedAt = -Infinity;

  constructor(context: FouPortsContext) {
    this.#context = context;
  }

  /**
   * Closes the FOU ports whenever their gate is away and not restored in time, until `stop` is aborted. `apply()` brings
   * back the gate, then the ports. It may run meanwhile, and hang.
   */
  async keepClosed(stop: AbortSignal): Promise<void> {
    const { picture, bell, clock, takeNews } = this.#context;
    while (!stop.aborted) {
      takeNews();
      const due = picture.closeDue;
      if (due === null) await bell.wait(stop);
      else if (due > clock.now()) await bell.waitUntil(due, stop);
      else await this.close();
    }
  }

  /**
   * Has a repair follow if a FOU port of ours is gone, of which the kernel sends no news. Cheap, and does nothing if it was
   * called within the last second: so it may be called at events that strangers can cause.
   */
  check(now: number): void {
    const { picture, bell, isPortFree } = this.#context;
    if (now < this.#checkedAt + LEAST_CHECK_INTERVAL) return;
    if (picture.isChanging || picture.gate.isClosed) return;
    this.#checkedAt = now;
    if (!picture.guarded.some(({ local, device }) => isPortFree(local, device))) return;
    picture.handleLostPort();
    bell.ring();
  }

  /** What keeps the gate from its place; null: nothing. */
  get lack(): string | null {
    return this.#context.picture.gate.isClosed ? CLOSED : null;
  }

  /** Closes our FOU ports because there is no gate in front of them. Holds no lock, as a change that hangs may have it. */
  async close(): Promise<void> {
    const { picture, losses, bell, clock, log, executor } = this.#context;
    if (picture.gate.isClosed) return;
    const { guarded } = picture;
    picture.beginClosing();
    let isDone = true;
    try {
      const steps = guarded.map((listener) => changeListener("del", listener));
      if (steps.length > 0) await executor.ipEach(steps, NO_SUCH_PORT);
      const ports = guarded.map(({ local }) => listenerKey(local));
      if (steps.length > 0) losses.tellClosed(CLOSED, ports, clock.now());
    } catch (error) {
      isDone = false;
      const event: LogEvent = { event: "ungated", code: exitCodeOf(error) };
      log.error(`${(error as Error).message}: FOU ports are open without a gate`, event);
    }
    picture.handleClosed(isDone, clock.now());
    bell.ring();
  }
}
