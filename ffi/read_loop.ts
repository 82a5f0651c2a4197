import { setImmediate } from "node:timers/promises";
import type { Libc } from "./libc.ts";
import { Waiter } from "./waiter.ts";

/** Messages read before timers, signals and other tasks get their turn. */
const MESSAGES_PER_TURN = 16;

/** Reads a descriptor without ever blocking the thread. It can be closed while it waits. */
export class ReadLoop {
  readonly #waiter: Waiter;

  /**
   * @param name what is read, for errors
   * @param resources belong to the loop from here on; they are disposed of once it is closed and no longer waits
   * @throws {SysError}
   */
  constructor(name: string, fd: number, libc: Libc, resources: DisposableStack) {
    this.#waiter = new Waiter(name, [fd], libc, resources);
  }

  /**
   * Yields what `receive` reads, until `close()` or `signal` ends it. One reader at a time.
   *
   * @param receive reads one message without waiting; null: there is none
   * @throws {SysError}
   */
  async *read<T>(receive: () => readonly T[] | null, signal?: AbortSignal): AsyncGenerator<T, void, void> {
    const isOver = () => this.#waiter.isClosed || signal?.aborted === true;
    while (!isOver()) {
      let isEmpty = false;
      for (let turn = 0; turn < MESSAGES_PER_TURN && !isOver(); turn++) {
        const items = receive();
        isEmpty = items === null;
        if (items === null) break;
        yield* items;
      }
      if (isOver()) return;
      // On one processor, a wait that ends at once would let no timer run. A timer would take a millisecond.
      await (isEmpty ? this.#waiter.wait(signal) : setImmediate());
    }
  }

  /** Ends `read`, also while it waits, then disposes of the resources. May be called again. */
  close(): void {
    this.#waiter.close();
  }
}
