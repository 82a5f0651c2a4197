/** The process's signals, from here until disposed. */
export class Signals implements Disposable {
  readonly #stop = new AbortController();
  readonly #handlers = new Map<Deno.Signal, () => void>();
  #onAuthRequest: () => void = () => {};
  #onImpatience: () => void = () => {};
  #onReload: (() => void) | null = null;
  #isReloadDue = false;

  constructor() {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      this.#listen(signal, () => this.#stop.signal.aborted ? this.#onImpatience() : this.#stop.abort(signal));
    }
    this.#listen("SIGUSR1", () => this.#onAuthRequest());
    this.#listen("SIGHUP", () => this.#onReload === null ? this.#isReloadDue = true : this.#onReload());
    // By default it would end the program.
    this.#listen("SIGUSR2", () => {});
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

  [Symbol.dispose](): void {
    for (const [signal, handler] of this.#handlers) Deno.removeSignalListener(signal, handler);
  }

  #listen(signal: Deno.Signal, handler: () => void): void {
    Deno.addSignalListener(signal, handler);
    this.#handlers.set(signal, handler);
  }
}
