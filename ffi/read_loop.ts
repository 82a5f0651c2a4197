import { EventFd } from "./event_fd.ts";
import { type Libc } from "./libc.ts";

/** Messages read before timers, signals and the rest of the program get their turn. */
const MESSAGES_PER_TURN = 16;

/** Reads a descriptor without ever blocking the thread, and ends cleanly while it waits. */
export class ReadLoop {
  readonly #name: string;
  readonly #fd: number;
  readonly #libc: Libc;
  readonly #wake: EventFd;
  /** Everything that a pending poll still uses. */
  readonly #resources: DisposableStack;
  #polling = false;
  #closed = false;

  /**
   * @param name what is read, for errors
   * @param resources belong to the loop from here on, and are freed when it is closed and waits no more
   * @throws {SysError}
   */
  constructor(name: string, fd: number, libc: Libc, resources: DisposableStack) {
    this.#name = name;
    this.#fd = fd;
    this.#libc = libc;
    this.#wake = resources.use(new EventFd(libc));
    this.#resources = resources.move();
  }

  /**
   * Hands out what `receive` reads, until `close()` or `signal` ends it. One reader at a time.
   *
   * @param receive reads one message without waiting: what is in it, or null when there is no message
   * @throws {SysError}
   */
  async *read<T>(receive: () => readonly T[] | null, signal?: AbortSignal): AsyncGenerator<T, void, void> {
    const isOver = () => this.#closed || signal?.aborted === true;
    const wake = () => this.wake();
    signal?.addEventListener("abort", wake);
    try {
      while (!isOver()) {
        let isEmpty = false;
        for (let turn = 0; turn < MESSAGES_PER_TURN && !isOver(); turn++) {
          const items = receive();
          isEmpty = items === null;
          if (items === null) break;
          yield* items;
        }
        if (isOver()) return;
        // A wait that is over at once lets no timer run where there is one processor.
        await (isEmpty ? this.#waitUntilReadable() : new Promise((resolve) => setTimeout(resolve, 0)));
      }
    } finally {
      signal?.removeEventListener("abort", wake);
    }
  }

  /** Has a waiting `read` look again. */
  wake(): void {
    this.#wake.signal();
  }

  /** Ends `read`, also while it waits, and then frees the resources. May be called again. */
  close(): void {
    this.#closed = true;
    if (this.#polling) this.#wake.signal();
    else this.#resources.dispose();
  }

  async #waitUntilReadable(): Promise<void> {
    if (this.#polling) throw new TypeError(`Cannot read ${this.#name} as another reader waits for it`);
    this.#polling = true;
    try {
      const [, woken] = await this.#libc.pollReadable(`wait for ${this.#name}`, [this.#fd, this.#wake.fd]);
      if (woken) this.#wake.clear();
    } finally {
      this.#polling = false;
      if (this.#closed) this.#resources.dispose();
    }
  }
}
