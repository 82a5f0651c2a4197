import type { Kernel } from "../kernel/kernel.ts";
import type { Log } from "../log.ts";
import type { System } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import type { Service } from "./service.ts";
import type { Status } from "./status.ts";

/** What both sides run with. */
export interface DaemonContext {
  readonly system: System;
  readonly settings: Settings;
  readonly kernel: Kernel;
  readonly log: Log;
  /** Told of the daemon's state. */
  readonly service: Service;
  /** Aborted when the program is to stop. */
  readonly stop: AbortSignal;
}

/** One side, set up in the kernel. What it made there goes on working without this process. */
export interface Daemon extends Disposable {
  readonly status: Status;

  /** Works until told to stop. What it made in the kernel stays, for the caller to remove or keep. */
  serve(): Promise<void>;

  /**
   * Goes on with other settings, of the same mode, name and table, and repairs what others did to what it has in the
   * kernel. What neither concerns is not touched. The caller has it authenticate afterwards.
   *
   * @throws when it cannot; then it goes on with the settings it had
   */
  reload(settings: Settings): Promise<void>;

  /** Sends an auth packet now, if its side sends any. */
  authenticate(): void;
}
