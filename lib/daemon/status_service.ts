import { reasonOf } from "../errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Log } from "../log.ts";
import type { Clock, StatusConnection, StatusSocket } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import type { Daemon } from "./context.ts";
import type { Reloader } from "./reload.ts";
import type { Service } from "./service.ts";

/** Where more ask at once, the one that came first has to go. */
const MOST_CLIENTS = 8;
/** Milliseconds after which the socket is tried again, when it cannot accept. */
const PAUSE_MILLISECONDS = 1_000;

/** What runs, and tells how it is. */
interface Running {
  readonly daemon: Pick<Daemon, "view">;
  readonly reloader: Pick<Reloader, "failure">;
}

/** What the status of an instance is made from. */
export interface StatusContext {
  readonly settings: Settings;
  /** NAME of /etc/ipipou/NAME.toml; null: it runs by other settings. */
  readonly config: string | null;
  readonly release: string;
  readonly pid: number;
  readonly kernel: Pick<Kernel, "countsOf" | "tunnels" | "heals" | "ports">;
  readonly service: Pick<Service, "waitsFor">;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Tells who asks on a unix socket how the instance is. Nobody who asks can make it wait, or keep more than a few lines
 * at a time. What makes the answers is loaded when somebody asks for the first time.
 */
export class StatusService implements Disposable {
  /** Null until it is ready. */
  running: Running | null = null;
  readonly #socket: StatusSocket;
  readonly #context: StatusContext;
  readonly #startedAt: number;
  /** Unix milliseconds at 0 of `Clock.now()`, to a second; so what happened once is told with one time, always. */
  #epoch = -Infinity;
  readonly #connections = new Set<StatusConnection>();
  #isClosed = false;

  /** @param socket belongs to the service from here on */
  constructor(socket: StatusSocket, context: StatusContext) {
    this.#socket = socket;
    this.#context = context;
    this.#startedAt = context.clock.now();
    this.#accept();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#socket[Symbol.dispose]();
    for (const connection of this.#connections) connection[Symbol.dispose]();
  }

  async #accept(): Promise<void> {
    const { clock, log } = this.#context;
    while (!this.#isClosed) {
      try {
        const connection = await this.#socket.accept();
        if (connection === null) return;
        if (this.#connections.size >= MOST_CLIENTS) this.#end(this.#connections.values().next().value!);
        this.#serve(connection);
      } catch (error) {
        if (this.#isClosed) return;
        log.info(`Cannot answer who asks for the status: ${reasonOf(error)}; trying again`);
        await clock.waitUntil(clock.now() + PAUSE_MILLISECONDS);
      }
    }
  }

  async #serve(connection: StatusConnection): Promise<void> {
    const { clock, service, log, ...rest } = this.#context;
    this.#connections.add(connection);
    try {
      const { serveStatus } = await import("./status_answers.ts");
      await serveStatus(connection, clock, () => {
        // Of these the kernel tells no news, and who asks may miss them.
        rest.kernel.ports.check(clock.now());
        return {
          ...{ ...rest, ...this.#moment(), view: this.running?.daemon.view ?? null },
          reloadFailure: this.running?.reloader.failure ?? null,
          ...{ startedAt: this.#startedAt, waitsFor: service.waitsFor },
        };
      });
    } catch (error) {
      log.debug(`somebody asked for the status and left: ${(error as Error).message}`);
    } finally {
      this.#end(connection);
    }
  }

  #moment(): { readonly now: number; readonly unixNow: number } {
    const { clock } = this.#context;
    const now = Math.floor(clock.now());
    const epoch = clock.unixTime() * 1000 - now;
    // The Unix time is known in whole seconds. Farther off, the clock was set, or the host suspended.
    if (Math.abs(epoch - this.#epoch) > 1_000) this.#epoch = epoch;
    return { now, unixNow: this.#epoch + now };
  }

  #end(connection: StatusConnection): void {
    this.#connections.delete(connection);
    connection[Symbol.dispose]();
  }
}
