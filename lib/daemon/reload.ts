import { pid } from "node:process";
import { EXIT, IpipouError } from "../errors.ts";
import type { Log, LogOptions } from "../log.ts";
import { describeChanges, describeRestart } from "../settings/changes.ts";
import type { Resolved } from "../settings/resolve.ts";
import type { Settings } from "../settings/settings.ts";
import type { Daemon } from "./context.ts";

/** What a log is to be like. */
export function logStyle(log: Settings["log"]): Pick<LogOptions, "verbosity" | "time" | "pid"> {
  return { ...log, pid: log.pid ? pid : null };
}

/** Has a daemon go on with its settings as they are now, each time it is asked to. */
export class Reloader {
  readonly #daemon: Daemon;
  readonly #load: () => Resolved;
  readonly #log: Log;
  #settings: Settings;
  #isAsked = false;
  #running: Promise<void> | null = null;

  /**
   * @param settings those the daemon has
   * @param load reads them again; may throw
   */
  constructor(daemon: Daemon, settings: Settings, load: () => Resolved, log: Log) {
    this.#daemon = daemon;
    this.#settings = settings;
    this.#load = load;
    this.#log = log;
  }

  /** Reloads, and authenticates again; after the reload that runs, if one does. */
  request(): void {
    this.#isAsked = true;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    while (this.#isAsked) {
      this.#isAsked = false;
      try {
        await this.#reload();
      } catch (error) {
        this.#log.error(`${(error as Error).message}; going on with the settings as they were`);
      }
      this.#daemon.authenticate();
    }
    this.#running = null;
  }

  async #reload(): Promise<void> {
    const { settings, warnings } = this.#load();
    for (const warning of warnings) this.#log.warning(warning);
    const restart = describeRestart(this.#settings, settings);
    if (restart !== null) throw new IpipouError(restart, EXIT.usage);
    const changes = describeChanges(this.#settings, settings);
    if (changes.length > 0) await this.#daemon.reload(settings);
    this.#settings = settings;
    this.#log.configure(logStyle(settings.log));
    for (const change of changes) this.#log.notice(`reload: ${change}`);
    if (changes.length === 0) this.#log.notice("reload: nothing changed");
  }
}
