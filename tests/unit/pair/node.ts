import { type Orders, run } from "../../../lib/commands/run.ts";
import { Log } from "../../../lib/log.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import type { VirtualClock } from "../fake/clock.ts";
import { FakeHost, type HostOptions } from "../fake/host.ts";
import type { FakeProcess } from "../fake/process.ts";
import { FakeServiceManager } from "../fake/surroundings.ts";

/** Lines of a log that are kept. */
const MOST_LINES = 400;

/** One life of the program. */
interface Life {
  readonly process: FakeProcess;
  readonly stop: AbortController;
  readonly orders: Orders;
  /** How it ended; null: it runs. */
  end: "stopped" | Error | null;
}

/** A host with the program on it, under a service manager, as `ipipou@.service` runs it. */
export class Node {
  readonly host: FakeHost;
  /** Its log: milliseconds of the clock, then the line with its priority, "<5>…". */
  readonly lines: string[] = [];
  /** What the program reads as its settings; an error is what is wrong with them. */
  settings: Settings | Error;
  #life: Life | null = null;
  readonly #clock: VirtualClock;
  readonly #manager: FakeServiceManager;

  /** @param host a new one of these options, or one that other programs run on too */
  constructor(clock: VirtualClock, host: HostOptions | FakeHost, settings: Settings) {
    this.#clock = clock;
    this.host = host instanceof FakeHost ? host : new FakeHost(clock, host);
    this.settings = settings;
    this.#manager = new FakeServiceManager(clock);
  }

  /** Whether the program runs. */
  get isRunning(): boolean {
    return this.#life !== null && this.#life.end === null && !this.#life.process.isDead;
  }

  /** What the service manager was told last, "STATUS=…" without its name. */
  get status(): string | null {
    return this.#manager.last("STATUS");
  }

  /** How the last life ended that did. */
  get end(): Life["end"] {
    return this.#life?.end ?? null;
  }

  start(): void {
    if (this.isRunning || this.settings instanceof Error) return;
    this.#manager.messages.length = 0;
    const process = this.host.start(this.#manager);
    const stop = new AbortController();
    const orders = { stop: stop.signal, onAuthRequest: () => {}, onReload: () => {} };
    const life: Life = this.#life = { process, stop, orders, end: null };
    const log = new Log({
      verbosity: 1,
      time: false,
      pid: null,
      priorities: true,
      write: (line) => this.#write(line),
      now: () => new Date(0),
    });
    const load = () => {
      if (this.settings instanceof Error) throw this.settings;
      return { settings: this.settings, warnings: [] };
    };
    this.#write("--- start");
    run({ system: process.system, settings: this.settings, log, load, orders })
      .then(() => life.end = "stopped", (error) => {
        life.end = error;
        this.#write(`--- ended: ${error}`);
      })
      // The end of a process frees what it has open.
      .finally(() => process.kill());
  }

  /** SIGKILL. */
  kill(): void {
    if (!this.isRunning) return;
    this.#write("--- killed");
    this.#life!.process.kill();
  }

  /** SIGTERM. Resolves once it has ended. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.#life!.stop.abort("SIGTERM");
    for (let second = 0; second < 600 && this.isRunning; second++) await this.#clock.advance(1_000);
  }

  /** SIGHUP. */
  reload(settings: Settings | Error = this.settings): void {
    this.settings = settings;
    if (this.isRunning) this.#life!.orders.onReload();
  }

  /** SIGUSR1. */
  authenticate(): void {
    if (this.isRunning) this.#life!.orders.onAuthRequest();
  }

  /** Whether its log has such a line. */
  said(pattern: RegExp): boolean {
    return this.lines.some((line) => pattern.test(line));
  }

  /** The kernel had more news than it keeps. */
  overflowNews(): void {
    for (const news of this.#life?.process.news ?? []) news.overflow();
  }

  #write(line: string): void {
    this.lines.push(`${this.#clock.now()} ${line}`);
    if (this.lines.length > MOST_LINES) this.lines.shift();
  }
}
