import type { Libc } from "./libc.ts";

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** A descriptor that is readable from `signal()` until `clear()`. It ends a poll(2) from within the program. */
export class EventFd {
  readonly #libc: Libc;
  #fd: number;

  /** @throws {SysError} */
  constructor(libc: Libc) {
    this.#libc = libc;
    const fd = libc.symbols.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    this.#fd = libc.check("make an event descriptor", "eventfd", fd);
  }

  get fd(): number {
    return this.#fd;
  }

  /** Does nothing once closed. */
  signal(): void {
    if (this.#fd >= 0) this.#libc.symbols.eventfd_write(this.#fd, 1n);
  }

  clear(): void {
    this.#libc.symbols.eventfd_read(this.#fd, new BigUint64Array(1));
  }

  [Symbol.dispose](): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) this.#libc.symbols.close(fd);
  }
}
