import type { StateFile } from "../ports.ts";
import { Replays } from "../registrar/replays.ts";
import type { DaemonContext } from "./context.ts";
import { SteadyFile } from "./steady_file.ts";

const LOSS = "after a restart, auth packets from before may be accepted again";

/** Keeps the record of used auth packets for the next run. What a killed run did not write counts as used there. */
export class ReplayRecord {
  readonly replays: Replays;
  readonly #file: SteadyFile;

  private constructor(replays: Replays, file: SteadyFile) {
    this.replays = replays;
    this.#file = file;
  }

  /** Reads what an earlier run left, and marks it as in use. */
  static async open(
    file: StateFile,
    { system: { clock }, log }: Pick<DaemonContext, "system" | "log">,
  ): Promise<ReplayRecord> {
    const text = file.read();
    const replays = Replays.parse(text, clock.unixTime());
    if (text !== null && replays.past === "lost") {
      log.warning(`Cannot read ${file.path}: not written by ipipou`, {
        event: "state-lost",
        path: file.path,
      });
    }
    if (replays.past === "lost") log.info("no record of the auth packets that an earlier run accepted");
    if (replays.past === "cut short") {
      log.info("the earlier run was killed: auth packets from before now count as used");
    }
    const content = {
      get changes() {
        return replays.changes;
      },
      /** A new key is written at once, so that a killed run leaves something of it. */
      get urgency() {
        return replays.size;
      },
      format: (isLast: boolean) => replays.format(isLast),
    };
    const record = new ReplayRecord(replays, new SteadyFile(file, content, LOSS, clock, log));
    await record.#file.write(false);
    return record;
  }

  /** Packets may have been used since the last call. */
  update(): void {
    this.#file.update();
  }

  /** Our clock was set. @param step seconds that it went forward */
  handleStep(step: number): void {
    this.replays.handleStep(step);
    this.update();
  }

  /** Writes changes until told to stop. */
  keep(stop: AbortSignal): Promise<void> {
    return this.#file.keep(stop);
  }

  /** No packet will be used any more. */
  close(): Promise<void> {
    return this.#file.write(true);
  }
}
