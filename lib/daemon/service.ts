import type { Log } from "../log.ts";
import type { Clock, ServiceManager } from "../ports.ts";

/**
 * Tells the service manager the program's state, if one started it. Signs of life come from the event loop: when that is
 * stuck, they stop.
 */
export class Service implements Disposable {
  readonly #manager: ServiceManager | null;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #end = new AbortController();
  #isReady = false;
  #waitsFor: string | null = null;
  #describe: () => string = () => "starting";
  #told = "";
  /** Whether the manager lacks the last message: one that hangs must not hold up the program. */
  #isBehind = false;

  /** @param manager belongs to the service from here on; null: there is none @param log gets failures to notify it */
  constructor(manager: ServiceManager | null, clock: Clock, log: Log) {
    this.#manager = manager;
    this.#clock = clock;
    this.#log = log;
    if (manager !== null) this.#keepAlive(manager.period);
  }

  /** Whether a service manager started the program, and will start it again. */
  get isManaged(): boolean {
    return this.#manager !== null;
  }

  /** What it waits for before it is ready; null: nothing that is known. */
  get waitsFor(): string | null {
    return this.#waitsFor;
  }

  waitingFor(what: string): void {
    this.#waitsFor = what;
    this.#describe = () => `waiting for ${what}`;
    this.update();
  }

  /** The program is ready. @param describe returns the status in one line, now and later */
  ready(describe: () => string): void {
    this.#isReady = true;
    this.#waitsFor = null;
    this.#describe = describe;
    this.#told = describe();
    this.#send("READY=1", `STATUS=${this.#told}`);
  }

  update(): void {
    const status = this.#describe();
    if (status === this.#told) return;
    if (this.#isBehind && this.#isReady) return this.ready(this.#describe);
    this.#told = status;
    this.#send(`STATUS=${status}`);
  }

  /** A reload begins, until `ready()`. */
  reloading(): void {
    this.#send("RELOADING=1", `MONOTONIC_USEC=${this.#manager?.time}`, "STATUS=reloading");
  }

  stopping(): void {
    this.#send("STOPPING=1", "STATUS=stopping");
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#manager?.[Symbol.dispose]();
  }

  async #keepAlive(period: number): Promise<void> {
    const { signal } = this.#end;
    while (true) {
      await this.#clock.waitUntil(this.#clock.now() + period / 2, signal);
      if (signal.aborted) return;
      if (this.#isBehind) this.update();
      // Before it is ready only the start timeout runs; waiting for a device may take longer.
      this.#send(this.#isReady ? "WATCHDOG=1" : `EXTEND_TIMEOUT_USEC=${Math.round(period * 1000)}`);
      this.update();
    }
  }

  #send(...lines: readonly string[]): void {
    try {
      this.#manager?.send(lines.join("\n"));
      this.#isBehind = false;
    } catch (error) {
      const line = `${(error as Error).message}; trying again`;
      if (!this.#isBehind) this.#log.warning(line, { event: "notify-failed" });
      this.#isBehind = true;
      this.#told = "";
    }
  }
}
