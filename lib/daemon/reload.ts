import { pid } from "node:process";
import { EXIT, exitCodeOf, IpipouError } from "../errors.ts";
import { logsToJournal } from "../journal.ts";
import type { Log, LogOptions } from "../log.ts";
import type { LogEvent } from "../log_events.ts";
import { describeChanges, describeRestart } from "../settings/changes.ts";
import type { Resolved } from "../settings/resolve.ts";
import type { Clock } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import type { Daemon, DaemonContext } from "./context.ts";
import { withLocalPlace } from "./outside.ts";
import type { Service } from "./service.ts";
import { describeStatus } from "./status.ts";

/** Log options that follow from the settings and from where the log goes. */
export function logStyle(log: Settings["log"]): Omit<LogOptions, "priorities" | "write" | "now"> {
  const isBare = logsToJournal();
  return { ...log, time: log.time ?? !isBare, pid: log.pid ?? !isBare ? pid : null };
}

/** Most characters of why a reload failed, for those who ask later: the log has all. */
const LONGEST_WHY = 500;

/** Why a reload failed. */
export interface ReloadFailure {
  readonly why: string;
  /** Milliseconds of `Clock.now()`. */
  readonly at: number;
}

/** Reloads a daemon's settings on request. */
export class Reloader {
  readonly #daemon: Daemon;
  readonly #load: () => Resolved;
  readonly #log: Log;
  readonly #service: Service;
  readonly #clock: Clock;
  #settings: Settings;
  #isAsked = false;
  #running: Promise<void> | null = null;
  #failure: ReloadFailure | null = null;

  /**
   * @param load reads the settings again; may throw
   * @param context what the daemon was started with
   */
  constructor(daemon: Daemon, load: () => Resolved, { settings, log, service, system }: DaemonContext) {
    this.#daemon = daemon;
    this.#load = load;
    this.#settings = settings;
    this.#log = log;
    this.#service = service;
    this.#clock = system.clock;
  }

  /** Those in use. */
  get settings(): Settings {
    return this.#settings;
  }

  /** Why the last reload failed; null: it did not, or there was none. */
  get failure(): ReloadFailure | null {
    return this.#failure;
  }

  /** Requests a reload and a new auth packet, after a running reload if there is one. */
  request(): void {
    this.#isAsked = true;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    while (this.#isAsked) {
      this.#isAsked = false;
      this.#service.reloading();
      try {
        await this.#reload();
        this.#failure = null;
      } catch (error) {
        const why = (error as Error).message.slice(0, LONGEST_WHY);
        this.#failure = { why, at: this.#clock.now() };
        const event: LogEvent = { event: "reload-failed", code: exitCodeOf(error) };
        this.#log.error(`${(error as Error).message}; going on with the settings as they were`, event);
        await this.#repair();
      }
      this.#daemon.authenticate();
      this.#service.ready(() => this.#describe());
    }
    this.#running = null;
  }

  #describe(): string {
    const status = describeStatus(this.#daemon.status);
    return this.#failure === null ? status : `the last reload failed: ${this.#failure.why}; ${status}`;
  }

  /** Repairs what others changed in the kernel, even when the new settings cannot be used. */
  async #repair(): Promise<void> {
    try {
      const news = await this.#daemon.reload(this.#settings);
      for (const line of news) this.#log.notice(line, { event: "reload" });
    } catch (error) {
      this.#log.error((error as Error).message, { event: "fault", code: exitCodeOf(error) });
    }
  }

  async #reload(): Promise<void> {
    const { settings, localPlaces, warnings } = this.#load();
    for (const warning of warnings) this.#log.warning(warning, null);
    const restart = describeRestart(this.#settings, settings);
    if (restart !== null) throw new IpipouError(restart, EXIT.usage);
    const changes = describeChanges(this.#settings, settings);
    const news = await this.#daemon.reload(settings).catch((error) => {
      throw withLocalPlace(error, localPlaces);
    });
    changes.push(...news);
    this.#settings = settings;
    this.#log.configure(logStyle(settings.log));
    for (const change of changes) this.#log.notice(`reload: ${change}`, { event: "reload" });
    if (changes.length === 0) this.#log.notice("reload: no setting changed", { event: "reload" });
  }
}
