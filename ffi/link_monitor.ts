import { constants } from "node:os";
import { Libc } from "./libc.ts";
import { NETLINK, openNetlink, RTMGRP } from "./netlink.ts";
import { ReadLoop } from "./read_loop.ts";

const NAME = "the kernel's news of network devices";

/** Hears of every change of the network devices and IPv4 addresses here, from the moment it is opened. */
export class LinkMonitor implements Disposable {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #loop: ReadLoop;
  /** What a message says is looked up elsewhere, so that most of it may be cut off. */
  readonly #buffer = new Uint8Array(16);

  private constructor() {
    using resources = new DisposableStack();
    const libc = this.#libc = resources.use(new Libc());
    this.#fd = openNetlink(libc, NAME, NETLINK.route, RTMGRP.link | RTMGRP.ipv4Address, resources);
    this.#loop = new ReadLoop(NAME, this.#fd, libc, resources);
  }

  /** @throws {SysError} */
  static open(): LinkMonitor {
    return new LinkMonitor();
  }

  /**
   * Yields at once, and then once for all changes since it did last, until `signal` ends it.
   *
   * @throws {SysError}
   */
  async *changes(signal: AbortSignal): AsyncGenerator<void, void, void> {
    yield;
    yield* this.#loop.read(() => this.#receiveAll() ? [undefined] : null, signal);
  }

  [Symbol.dispose](): void {
    this.#loop.close();
  }

  /** @returns whether there was any */
  #receiveAll(): boolean {
    let any = false;
    while (this.#receive()) any = true;
    return any;
  }

  #receive(): boolean {
    try {
      return this.#libc.receive(`read ${NAME}`, this.#fd, this.#buffer) !== null;
    } catch (error) {
      // More happened than could be kept for us: that is news too.
      if (this.#libc.errno === constants.errno.ENOBUFS) return true;
      throw error;
    }
  }
}
