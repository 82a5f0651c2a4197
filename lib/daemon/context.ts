import type { Kernel } from "../kernel/kernel.ts";
import type { Log } from "../log.ts";
import type { Settings } from "../settings/settings.ts";

/** What both sides run with. */
export interface DaemonContext {
  readonly settings: Settings;
  readonly kernel: Kernel;
  readonly log: Log;
  /** Aborted when the program is to stop. */
  readonly stop: AbortSignal;
}

/** One side, set up in the kernel. It goes on working there when the process is gone. */
export interface Daemon extends Disposable {
  /** Does its work until told to stop. What it made in the kernel stays, for the caller to remove or keep. */
  serve(): Promise<void>;
}
