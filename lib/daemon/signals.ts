/** Signals that only some sides listen to; the others must not end the program, as is their default. */
const OTHERS = ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const;

/** The process's signals, from here until disposed. */
export class Signals implements Disposable {
  readonly #stop = new AbortController();
  readonly #handlers = new Map<Deno.Signal, () => void>();
  #onAuthRequest: () => void = () => {};

  constructor() {
    for (const signal of ["SIGTERM", "SIGINT"] as const) this.#listen(signal, () => this.#stop.abort(signal));
    for (const signal of OTHERS) this.#listen(signal, () => signal === "SIGUSR1" && this.#onAuthRequest());
  }

  /** Aborted by SIGTERM and SIGINT; the reason is the signal's name. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Called at each SIGUSR1. */
  set onAuthRequest(handler: () => void) {
    this.#onAuthRequest = handler;
  }

  [Symbol.dispose](): void {
    for (const [signal, handler] of this.#handlers) Deno.removeSignalListener(signal, handler);
  }

  #listen(signal: Deno.Signal, handler: () => void): void {
    Deno.addSignalListener(signal, handler);
    this.#handlers.set(signal, handler);
  }
}
