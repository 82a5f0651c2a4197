import { constants } from "node:os";
import { O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, openFile } from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { F_WRLCK, RecordLock, WHOLE_FILE } from "./record_lock.ts";

const F_GETLK = 5;
const F_SETLK = 6;

/** The folder may belong to a service's user, who must not be able to redirect or block others by a link or a pipe. */
const SAFELY = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

/**
 * Takes a POSIX record lock on a file. The kernel knows which process holds it and releases it when that exits. Child
 * processes do not hold it. This process must not open the file elsewhere: closing it would release the lock.
 *
 * @returns null when another process has it
 * @throws {SysError}
 */
export function takeProcessLock(path: string): Disposable | null {
  using resources = new DisposableStack();
  const libc = resources.use(new Libc());
  const fd = openFile(libc, path, O_RDWR | SAFELY, resources);
  const result = libc.symbols.fcntl(fd, F_SETLK, new RecordLock(F_WRLCK, WHOLE_FILE).bytes);
  if (result < 0 && [constants.errno.EAGAIN, constants.errno.EACCES].includes(libc.errno)) return null;
  libc.check(`lock ${path}`, "fcntl", result);
  return resources.move();
}

/**
 * Signals the process that holds the lock on a file.
 *
 * @returns its PID; 0 when it is in another PID namespace and got no signal; null when nobody holds the lock
 * @throws {SysError}
 */
export function signalLockHolder(path: string, signal: keyof typeof constants.signals): number | null {
  using resources = new DisposableStack();
  const libc = resources.use(new Libc());
  const fd = openFile(libc, path, O_RDONLY | SAFELY, resources);
  const lock = new RecordLock(F_WRLCK, WHOLE_FILE);
  libc.check(`look for the lock on ${path}`, "fcntl", libc.symbols.fcntl(fd, F_GETLK, lock.bytes));
  if (lock.isFree) return null;
  const { pid } = lock;
  if (pid > 0) {
    libc.check(`signal process ${pid}`, "kill", libc.symbols.kill(pid, constants.signals[signal]));
  }
  return pid;
}
