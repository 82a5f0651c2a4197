import { O_CLOEXEC, O_RDONLY, openFile } from "./descriptors.ts";
import { Libc } from "./libc.ts";

const LOCK_EX = 2;

/**
 * An exclusive flock(2) lock on a file or folder, which keeps out all other processes that take it. Reading and
 * writing go on as usual. The kernel releases it when its last holder exits.
 */
export class FileLock implements Disposable {
  readonly #resources: DisposableStack;

  private constructor(resources: DisposableStack) {
    this.#resources = resources;
  }

  /** Takes the lock, blocking this thread until it is free. Child processes do not hold it. @throws {SysError} */
  static take(path: string): FileLock {
    using resources = new DisposableStack();
    const libc = resources.use(new Libc());
    const fd = openFile(libc, path, O_RDONLY | O_CLOEXEC, resources);
    libc.check(`lock ${path}`, "flock", libc.symbols.flock(fd, LOCK_EX));
    return new FileLock(resources.move());
  }

  /**
   * Takes the lock, waiting on another thread until it is free. Child processes started while it is held inherit it:
   * they still hold it when this process dies before them.
   *
   * @throws {SysError}
   */
  static async takeInherited(path: string): Promise<FileLock> {
    using resources = new DisposableStack();
    const libc = resources.use(new Libc());
    const fd = openFile(libc, path, O_RDONLY, resources);
    // A signal may interrupt the wait. errno stays on the other thread, so try again here.
    if (await libc.symbols.flockElsewhere(fd, LOCK_EX) < 0) {
      libc.check(`lock ${path}`, "flock", libc.symbols.flock(fd, LOCK_EX));
    }
    return new FileLock(resources.move());
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }
}

/** Locks the network namespace of this process; child processes inherit the lock. @throws {SysError} */
export function lockNamespace(): Promise<FileLock> {
  return FileLock.takeInherited("/proc/self/ns/net");
}
