import type { Kernel } from "../kernel/kernel.ts";
import type { Log } from "../log.ts";
import type { System } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import type { Service } from "./service.ts";
import type { Status } from "./status.ts";
import type { View } from "./view.ts";

/** What a daemon runs with. */
export interface DaemonContext {
  readonly system: System;
  readonly settings: Settings;
  readonly kernel: Kernel;
  readonly log: Log;
  readonly service: Service;
  /** Aborted when the program is to stop. */
  readonly stop: AbortSignal;
}

/** A server or client, set up in the kernel. What it made there works without this process. */
export interface Daemon extends Disposable {
  readonly status: Status;

  /** Everything that a status in full follows from. */
  readonly view: View;

  /** Runs until told to stop. What it made in the kernel stays, for the caller to remove or keep. */
  serve(): Promise<void>;

  /** Tells the far side that it stops, where that knows what it means. It may get lost, and is not repeated. */
  sayGoodbye(): void;

  /**
   * Changes to new settings of the same mode, name and table, and repairs what others changed. The rest of the kernel's
   * state is not touched. The caller calls `authenticate()` afterwards.
   *
   * It looks anew at what the settings name: own device and address, and hosts.
   *
   * @returns what is new of that, a line each
   * @throws when it cannot; then it keeps the previous settings
   */
  reload(settings: Settings): Promise<readonly string[]>;

  /** A client sends an auth packet now; a server does nothing. */
  authenticate(): void;
}
