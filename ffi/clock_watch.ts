import { constants } from "node:os";
import type { ClockWatch as Port } from "../lib/ports.ts";
import { Libc } from "./libc.ts";
import { Waiter } from "./waiter.ts";

const CLOCK_REALTIME = 0;
const TFD_NONBLOCK = 0o4000;
const TFD_CLOEXEC = 0o2000000;
const TFD_TIMER_ABSTIME = 1;
const TFD_TIMER_CANCEL_ON_SET = 2;
/** Unix seconds that no clock reaches. */
const NEVER = 2n ** 40n;
const NAME = "the clock";

/** Notices when the system's clock is set, or jumps as after a suspend: the kernel cancels a timer then. */
export class ClockWatch implements Port {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #waiter: Waiter;

  /** @throws {SysError} on a kernel without timer descriptors */
  constructor() {
    using resources = new DisposableStack();
    const libc = this.#libc = resources.use(new Libc());
    const timer = libc.symbols.timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    this.#fd = resources.adopt(libc.check(`watch ${NAME}`, "timerfd_create", timer), (fd) => {
      libc.symbols.close(fd);
    });
    this.#arm();
    this.#waiter = new Waiter(NAME, [this.#fd], libc, resources);
  }

  async wait(stop: AbortSignal): Promise<boolean> {
    while (!stop.aborted && !this.#waiter.isClosed) {
      await this.#waiter.wait(stop);
      if (!stop.aborted && !this.#waiter.isClosed && this.#isCancelled()) return true;
    }
    return false;
  }

  [Symbol.dispose](): void {
    this.#waiter.close();
  }

  /** Whether the timer was cancelled; then it counts anew. */
  #isCancelled(): boolean {
    const expirations = new Uint8Array(8);
    const result = this.#libc.symbols.read(this.#fd, expirations, 8n);
    if (result >= 0 || this.#libc.errno !== constants.errno.ECANCELED) return false;
    this.#arm();
    return true;
  }

  #arm(): void {
    const [interval, value] = [[0n, 0n], [NEVER, 0n]];
    const spec = new BigInt64Array([...interval!, ...value!]); // struct itimerspec
    const flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    const set = this.#libc.symbols.timerfd_settime(this.#fd, flags, spec, null);
    this.#libc.check(`watch ${NAME}`, "timerfd_settime", set);
  }
}
