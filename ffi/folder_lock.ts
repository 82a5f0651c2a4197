import { Libc } from "./libc.ts";

const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
const LOCK_EX = 2;

/** A lock on a folder, among all processes that take it. The folder itself goes on as ever. */
export class FolderLock implements Disposable {
  readonly #resources: DisposableStack;

  private constructor(resources: DisposableStack) {
    this.#resources = resources;
  }

  /** Waits until nobody else has it. The kernel frees it when its holder dies. @throws {SysError} */
  static take(path: string): FolderLock {
    using resources = new DisposableStack();
    const libc = resources.use(new Libc());
    const name = new TextEncoder().encode(`${path}\0`);
    const fd = resources.adopt(
      libc.check(`open ${path}`, "open", libc.symbols.open(name, O_RDONLY | O_CLOEXEC)),
      (fd) => libc.symbols.close(fd),
    );
    libc.check(`lock ${path}`, "flock", libc.symbols.flock(fd, LOCK_EX));
    return new FolderLock(resources.move());
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }
}
