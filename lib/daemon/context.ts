import type { Kernel } from "../kernel/kernel.ts";
import type { Log } from "../log.ts";
import type { Settings } from "../settings/settings.ts";
import type { Service } from "./service.ts";

/** What both sides run with. */
export interface DaemonContext {
  readonly settings: Settings;
  readonly kernel: Kernel;
  readonly log: Log;
  /** Told how the daemon is. */
  readonly service: Service;
  /** Aborted when the program is to stop. */
  readonly stop: AbortSignal;
}

/** One side, set up in the kernel. It goes on working there when the process is gone. */
export interface Daemon extends Disposable {
  /** How its work goes now, in one line. */
  readonly status: string;

  /** Does its work until told to stop. What it made in the kernel stays, for the caller to remove or keep. */
  serve(): Promise<void>;

  /**
   * Goes on with other settings, of the same mode, name and table, and makes good what others did to what it has in
   * the kernel. What neither concerns is not touched. The caller has it authenticate then.
   *
   * @throws when it cannot: then it goes on with those it had
   */
  reload(settings: Settings): Promise<void>;

  /** Sends an auth packet now, if its side sends any. */
  authenticate(): void;
}
