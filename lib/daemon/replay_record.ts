import type { Log } from "../log.ts";
import type { Clock, StateFile } from "../ports.ts";
import { Replays } from "../registrar/replays.ts";
import type { DaemonContext } from "./context.ts";

/** Least milliseconds between two writes. */
const PAUSE_MILLISECONDS = 1_000;

/** Keeps the record of used auth packets for the next run. What a killed run did not write counts as used there. */
export class ReplayRecord {
  readonly replays: Replays;
  readonly #file: StateFile;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Of what was written last. */
  #written = 0;
  #size = 0;
  #canWrite = true;
  #woken = new AbortController();

  private constructor(replays: Replays, file: StateFile, clock: Clock, log: Log) {
    this.replays = replays;
    this.#file = file;
    this.#clock = clock;
    this.#log = log;
  }

  /** Reads what an earlier run left, and marks it as in use. */
  static async open(
    file: StateFile,
    { system: { clock }, log }: Pick<DaemonContext, "system" | "log">,
  ): Promise<ReplayRecord> {
    const text = file.read();
    const replays = Replays.parse(text, clock.unixTime());
    if (text !== null && replays.past === "lost") {
      log.warning(`Cannot read ${file.path}: not written by ipipou`);
    }
    if (replays.past === "lost") log.info("no record of the auth packets that an earlier run accepted");
    if (replays.past === "cut short") {
      log.info("the earlier run was killed: auth packets from before now count as used");
    }
    const record = new ReplayRecord(replays, file, clock, log);
    await record.#write(false);
    return record;
  }

  /** Packets may have been used since the last call. */
  update(): void {
    if (this.replays.changes !== this.#written) this.#woken.abort();
  }

  /** Writes changes until told to stop. A new key is written at once, so that a killed run leaves something of it. */
  async keep(stop: AbortSignal): Promise<void> {
    let pauseEnd = this.#clock.now();
    while (!stop.aborted) {
      this.#woken = new AbortController();
      const isChanged = this.replays.changes !== this.#written;
      if (isChanged && (this.replays.size > this.#size || this.#clock.now() >= pauseEnd)) {
        await this.#write(false);
        pauseEnd = this.#clock.now() + PAUSE_MILLISECONDS;
      } else {
        await this.#clock.waitUntil(isChanged ? pauseEnd : null, stop, this.#woken.signal);
      }
    }
  }

  /** No packet will be used any more. */
  async close(): Promise<void> {
    await this.#write(true);
  }

  async #write(isWhole: boolean): Promise<void> {
    this.#written = this.replays.changes;
    this.#size = this.replays.size;
    try {
      await this.#file.write(this.replays.format(isWhole));
      this.#canWrite = true;
    } catch (error) {
      const line = `Cannot write ${this.#file.path}: ${(error as Error).message}; ` +
        "after a restart, auth packets from before may be accepted again";
      if (this.#canWrite) this.#log.warning(line);
      this.#canWrite = false;
    }
  }
}
