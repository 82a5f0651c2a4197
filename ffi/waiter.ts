import { EventFd } from "./event_fd.ts";
import type { Libc } from "./libc.ts";

/** Waits, without blocking the thread, until a descriptor is readable. The wait can be ended at any time. */
export class Waiter {
  readonly #name: string;
  readonly #fds: readonly number[];
  readonly #libc: Libc;
  readonly #wake: EventFd;
  /** Everything that a pending poll still uses. */
  readonly #resources: DisposableStack;
  #isWaiting = false;
  #isClosed = false;

  /**
   * @param name what is read, for errors
   * @param resources belong to the waiter from here on; disposed of once it is closed and no longer waits
   * @throws {SysError}
   */
  constructor(name: string, fds: readonly number[], libc: Libc, resources: DisposableStack) {
    this.#name = name;
    this.#fds = fds;
    this.#libc = libc;
    this.#wake = resources.use(new EventFd(libc));
    this.#resources = resources.move();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Resolves once a descriptor is readable or has an error to report, `stop` is aborted, or the waiter is closed.
   *
   * @throws {TypeError} when another wait is pending
   * @throws {SysError}
   */
  async wait(stop?: AbortSignal): Promise<void> {
    if (this.#isWaiting) throw new TypeError(`Cannot read ${this.#name} as another reader waits for it`);
    if (this.#isClosed || stop?.aborted) return;
    const wake = () => this.#wake.signal();
    stop?.addEventListener("abort", wake);
    this.#isWaiting = true;
    try {
      await this.#libc.pollReadable(`wait for ${this.#name}`, [...this.#fds, this.#wake.fd]);
    } finally {
      this.#isWaiting = false;
      stop?.removeEventListener("abort", wake);
      // Also when the poll ended for another reason: `stop` may have been aborted at the same time.
      this.#wake.clear();
      if (this.#isClosed) this.#resources.dispose();
    }
  }

  /** Ends a pending wait, then disposes of the resources. May be called again. */
  close(): void {
    this.#isClosed = true;
    if (this.#isWaiting) this.#wake.signal();
    else this.#resources.dispose();
  }
}
