import { O_CLOEXEC, O_RDONLY, openFile } from "./descriptors.ts";
import { Libc } from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes an exclusive flock(2) lock on a file or folder, blocking this thread until it is free. The lock does not keep
 * anyone from reading or writing. Child processes do not hold it. @throws {SysError}
 */
export function lockFile(path: string): Disposable {
  using resources = new DisposableStack();
  const libc = resources.use(new Libc());
  const fd = openFile(libc, path, O_RDONLY | O_CLOEXEC, resources);
  libc.check(`lock ${path}`, "flock", libc.symbols.flock(fd, LOCK_EX));
  return resources.move();
}

/**
 * Like `lockFile()`, but waits on another thread, and child processes inherit the lock: it is free once this process
 * has released it and the children that it started meanwhile have exited. @throws {SysError}
 */
export async function lockFileInherited(path: string): Promise<Disposable> {
  using resources = new DisposableStack();
  const libc = resources.use(new Libc());
  const fd = openFile(libc, path, O_RDONLY, resources);
  // Mostly it is free, and a change of threads costs more than the lock.
  if (libc.symbols.flock(fd, LOCK_EX | LOCK_NB) === 0) return resources.move();
  // A signal may interrupt the wait. errno stays on the other thread, so try again here.
  if (await libc.symbols.flockElsewhere(fd, LOCK_EX) < 0) {
    libc.check(`lock ${path}`, "flock", libc.symbols.flock(fd, LOCK_EX));
  }
  return resources.move();
}
