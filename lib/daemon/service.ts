import { env, pid } from "node:process";
import { NotifySocket } from "../../ffi/notify_socket.ts";
import type { Log } from "../log.ts";

/** Milliseconds within which a service manager hears of us where it has not said what it wants. */
const DEFAULT_PERIOD = 30_000;

/** Hears of a program that it started, see sd_notify(3). */
export interface ServiceManager extends Disposable {
  /** Takes lines like `READY=1`. */
  send(message: string): void;
  /** Its clock, in microseconds. */
  readonly time: bigint;
}

/**
 * Tells the service manager that started the program how it is. Where none did, nothing happens.
 *
 * Signs of life come from a timer of the event loop, which everything else here waits for too: when that is stuck,
 * they stop.
 */
export class Service implements Disposable {
  readonly #manager: ServiceManager | null;
  readonly #period: number;
  readonly #log: Log;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #isReady = false;
  #describe: () => string = () => "starting";
  #told = "";

  /**
   * @param manager belongs to the service from here on; null: there is none
   * @param period milliseconds within which it wants a sign of life, again and again
   * @param log is told what the manager cannot be told
   */
  constructor(manager: ServiceManager | null, period: number, log: Log) {
    this.#manager = manager;
    this.#period = period;
    this.#log = log;
    if (manager !== null) this.#timer = setInterval(() => this.#showLife(), period / 2);
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
    clearInterval(this.#timer);
    this.#manager?.[Symbol.dispose]();
  }

  #showLife(): void {
    // Before it is ready only the time that a start may take is running; waiting for a device may take longer.
    this.#send(this.#isReady ? "WATCHDOG=1" : `EXTEND_TIMEOUT_USEC=${Math.round(this.#period * 1000)}`);
    this.update();
  }

  #send(...lines: readonly string[]): void {
    try {
      this.#manager?.send(lines.join("\n"));
    } catch (error) {
      this.#log.warning((error as Error).message);
    }
  }
}

/**
 * Finds the service manager that started the program, if one did.
 *
 * @param log is told what the manager cannot be told
 */
export function openService(log: Log): Service {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = env;
  const isWatched = WATCHDOG_USEC !== undefined && (WATCHDOG_PID ?? `${pid}`) === `${pid}`;
  const period = isWatched ? Number(WATCHDOG_USEC) / 1000 : DEFAULT_PERIOD;
  return new Service(NOTIFY_SOCKET ? NotifySocket.open(NOTIFY_SOCKET) : null, period, log);
}
