/**
 * The process's signals, from here until it exits: whoever goes on pressing Ctrl-C must not end it by that a moment before
 * it ends by itself, with another exit code.
 */
export class Signals {
  readonly #stop = new AbortController();
  #onAuthRequest: () => void = () => {};
  #onImpatience: () => void = () => {};
  #onReload: (() => void) | null = null;
  #isReloadDue = false;

  constructor() {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      Deno.addSignalListener(
        signal,
        () => this.#stop.signal.aborted ? this.#onImpatience() : this.#stop.abort(signal),
      );
    }
    Deno.addSignalListener("SIGUSR1", () => this.#onAuthRequest());
    Deno.addSignalListener(
      "SIGHUP",
      () => this.#onReload === null ? this.#isReloadDue = true : this.#onReload(),
    );
    // By default it would end the program.
    Deno.addSignalListener("SIGUSR2", () => {});
  }

  /** Aborted by SIGTERM and SIGINT; the reason is the signal's name. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Called at each SIGTERM and SIGINT after the one that aborted `stop`. */
  set onImpatience(handler: () => void) {
    this.#onImpatience = handler;
  }

  /** Called at each SIGUSR1. */
  set onAuthRequest(handler: () => void) {
    this.#onAuthRequest = handler;
  }

  /** Called at each SIGHUP; at once for earlier ones. */
  set onReload(handler: () => void) {
    this.#onReload = handler;
    if (this.#isReloadDue) handler();
  }
}
