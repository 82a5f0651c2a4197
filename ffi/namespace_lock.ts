import { Libc } from "./libc.ts";

const O_RDONLY = 0;
const LOCK_EX = 2;

/**
 * A lock on the network namespace this process is in, among all processes that take it. Programs that its holder
 * starts hold it with it, and go on holding it when its holder dies before they end.
 */
export class NamespaceLock implements Disposable {
  readonly #resources: DisposableStack;

  private constructor(resources: DisposableStack) {
    this.#resources = resources;
  }

  /** Waits until nobody else has it. The kernel frees it when its last holder dies. @throws {SysError} */
  static async take(): Promise<NamespaceLock> {
    using resources = new DisposableStack();
    const libc = resources.use(new Libc());
    const path = new TextEncoder().encode("/proc/self/ns/net\0");
    const fd = resources.adopt(
      libc.check("open the network namespace", "open", libc.symbols.open(path, O_RDONLY)),
      (fd) => libc.symbols.close(fd),
    );
    // A signal may cut the wait short. The other thread keeps the errno to itself, so ask again here.
    if (await libc.symbols.flockElsewhere(fd, LOCK_EX) < 0) {
      libc.check("lock the network namespace", "flock", libc.symbols.flock(fd, LOCK_EX));
    }
    return new NamespaceLock(resources.move());
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }
}
