import type { Log } from "../log.ts";
import type { Clock, ServiceManager } from "../ports.ts";

/**
 * Tells the service manager that started the program how it is. If none did, nothing happens.
 *
 * Signs of life come from the event loop, which everything else here depends on too: when that is stuck, they stop.
 */
export class Service implements Disposable {
  readonly #manager: ServiceManager | null;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #end = new AbortController();
  #isReady = false;
  #describe: () => string = () => "starting";
  #told = "";

  /**
   * @param manager belongs to the service from here on; null: there is none
   * @param log is told what the manager cannot be told
   */
  constructor(manager: ServiceManager | null, clock: Clock, log: Log) {
    this.#manager = manager;
    this.#clock = clock;
    this.#log = log;
    if (manager !== null) this.#showLifeAgainAndAgain(manager.period);
  }

  /** Whether a service manager started the program, and will start it again. */
  get isManaged(): boolean {
    return this.#manager !== null;
  }

  /** It cannot start before there is `what`. */
  waitFor(what: string): void {
    this.#describe = () => `waiting for ${what}`;
    this.update();
  }

  /** It does its work; `describe` tells how that goes, in one line, now and whenever it is asked. */
  ready(describe: () => string): void {
    this.#isReady = true;
    this.#describe = describe;
    this.#told = describe();
    this.#send("READY=1", `STATUS=${this.#told}`);
  }

  /** What it has to tell may have changed. */
  update(): void {
    const status = this.#describe();
    if (status === this.#told) return;
    this.#told = status;
    this.#send(`STATUS=${status}`);
  }

  /** It takes on other settings, until it is ready again. */
  reloading(): void {
    this.#send("RELOADING=1", `MONOTONIC_USEC=${this.#manager?.time}`, "STATUS=reloading");
  }

  /** It cleans up, and ends. */
  stopping(): void {
    this.#send("STOPPING=1", "STATUS=stopping");
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#manager?.[Symbol.dispose]();
  }

  async #showLifeAgainAndAgain(period: number): Promise<void> {
    const { signal } = this.#end;
    while (true) {
      await this.#clock.waitUntil(this.#clock.now() + period / 2, signal);
      if (signal.aborted) return;
      // Before it is ready only the time that a start may take is running; waiting for a device may take longer.
      this.#send(this.#isReady ? "WATCHDOG=1" : `EXTEND_TIMEOUT_USEC=${Math.round(period * 1000)}`);
      this.update();
    }
  }

  #send(...lines: readonly string[]): void {
    try {
      this.#manager?.send(lines.join("\n"));
    } catch (error) {
      this.#log.warning((error as Error).message);
    }
  }
}
