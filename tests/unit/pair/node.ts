import assert from "node:assert/strict";
// A start loads one of these, which takes time of a real clock if it is the first.
import "../../../lib/daemon/client.ts";
import "../../../lib/daemon/reauthenticate.ts";
import "../../../lib/daemon/server.ts";
import { type Orders, run } from "../../../lib/commands/run.ts";
import { Log } from "../../../lib/log.ts";
import { EVENTS } from "../../../lib/log_events.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import type { VirtualClock } from "../fake/clock.ts";
import { FakeHost, type HostOptions } from "../fake/host.ts";
import type { FakeProcess } from "../fake/process.ts";
import { FakeServiceManager } from "../fake/surroundings.ts";
import { readLogLine } from "../../read_log.ts";

/** How many log lines are kept. */
const MOST_LINES = 400;

/** One run of the program. */
interface Run {
  readonly process: FakeProcess;
  readonly stop: AbortController;
  readonly orders: Orders;
  /** How it ended; null while it runs. */
  end: "stopped" | Error | null;
}

/** A host that runs the program under a service manager, as `ipipou@.service` does. */
export class Node {
  readonly host: FakeHost;
  /** Its log. Each line is the clock's time in milliseconds, then the line with its priority, without pairs: "<5>…". */
  readonly lines: string[] = [];
  /** The pairs of its lines, by key. */
  readonly events: Readonly<Record<string, string>>[] = [];
  /** The settings that the program loads, or the error that loading them throws. */
  settings: Settings | Error;
  #run: Run | null = null;
  readonly #clock: VirtualClock;
  readonly #manager: FakeServiceManager;

  /** @param host options of a new host, or an existing host that other nodes share */
  constructor(clock: VirtualClock, host: HostOptions | FakeHost, settings: Settings) {
    this.#clock = clock;
    this.host = host instanceof FakeHost ? host : new FakeHost(clock, host);
    this.settings = settings;
    this.#manager = new FakeServiceManager(clock);
  }

  /** Whether the program is running. */
  get isRunning(): boolean {
    return this.#run !== null && this.#run.end === null && !this.#run.process.isDead;
  }

  /** The last status that the service manager received, without "STATUS=". */
  get status(): string | null {
    return this.#manager.last("STATUS");
  }

  /** How the latest run ended; null while it runs, or before the first. */
  get end(): Run["end"] {
    return this.#run?.end ?? null;
  }

  start(): void {
    if (this.isRunning || this.settings instanceof Error) return;
    this.#manager.messages.length = 0;
    const process = this.host.start(this.#manager);
    const stop = new AbortController();
    const orders = { stop: stop.signal, onImpatience: () => {}, onAuthRequest: () => {}, onReload: () => {} };
    const current: Run = this.#run = { process, stop, orders, end: null };
    const log = new Log({
      verbosity: 1,
      time: false,
      pid: null,
      priorities: true,
      pairs: true,
      write: (line) => this.#handleLine(line),
      now: () => new Date(0),
    });
    const load = () => {
      if (this.settings instanceof Error) throw this.settings;
      const place = "at /etc/ipipou/x.toml:1:1";
      return { settings: this.settings, localPlaces: { ip: place, device: place }, warnings: [] };
    };
    this.#write("--- start");
    const identity = { config: null, release: "1.0.0", pid: 7 };
    run({ system: process.system, settings: this.settings, log, load, orders, identity })
      .then(() => current.end = "stopped", (error) => {
        current.end = error;
        this.#write(`--- ended: ${error}`);
      })
      // When a process ends, the kernel closes what it has open.
      .finally(() => process.kill());
  }

  /** SIGKILL. */
  kill(): void {
    if (!this.isRunning) return;
    this.#write("--- killed");
    this.#run!.process.kill();
  }

  /** SIGTERM. Resolves once the program has ended. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.#run!.stop.abort("SIGTERM");
    for (let second = 0; second < 600 && this.isRunning; second++) await this.#clock.advance(1_000);
  }

  /** SIGHUP. */
  reload(settings: Settings | Error = this.settings): void {
    this.settings = settings;
    if (this.isRunning) this.#run!.orders.onReload();
  }

  /** SIGUSR1. */
  authenticate(): void {
    if (this.isRunning) this.#run!.orders.onAuthRequest();
  }

  /** Whether a line of the log matches. */
  hasLogged(pattern: RegExp): boolean {
    return this.lines.some((line) => pattern.test(line));
  }

  /** Makes the kernel drop news because its buffer is full. */
  overflowNews(): void {
    for (const news of this.#run?.process.news ?? []) news.overflow();
  }

  #handleLine(line: string): void {
    const { sentence, pairs } = readLogLine(line);
    this.#write(sentence);
    if (pairs === null) return;
    assertKnown(pairs);
    this.events.push(pairs);
    if (this.events.length > MOST_LINES) this.events.shift();
  }

  #write(line: string): void {
    this.lines.push(`${this.#clock.now()} ${line}`);
    if (this.lines.length > MOST_LINES) this.lines.shift();
  }
}

/** Also finds what the types let pass, such as keys out of an object that is spread. */
function assertKnown({ event, ...pairs }: Readonly<Record<string, string>>): void {
  const keys: readonly string[] = EVENTS[event as keyof typeof EVENTS];
  const known = keys.filter((key) => !key.endsWith("?") || key.slice(0, -1) in pairs);
  assert.deepEqual(Object.keys(pairs).sort(), known.map((key) => key.replace("?", "")).sort(), event);
}
