import { constants } from "node:os";
import {
  IS_LITTLE_ENDIAN,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  openFile,
} from "./descriptors.ts";
import { Libc } from "./libc.ts";

const F_GETLK = 5;
const F_SETLK = 6;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** The folder may belong to a service's user, who must not be able to redirect or block others by a link or a pipe. */
const SAFELY = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

/** `struct flock` of 64-bit systems, for the whole file: l_type at 0, l_pid at 24. */
const FLOCK_LENGTH = 32;
const TYPE_OFFSET = 0;
const PID_OFFSET = 24;

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
  const result = libc.symbols.fcntl(fd, F_SETLK, writeLock());
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
  const lock = writeLock();
  libc.check(`look for the lock on ${path}`, "fcntl", libc.symbols.fcntl(fd, F_GETLK, lock));
  const view = new DataView(lock.buffer);
  if (view.getInt16(TYPE_OFFSET, IS_LITTLE_ENDIAN) === F_UNLCK) return null;
  const pid = view.getInt32(PID_OFFSET, IS_LITTLE_ENDIAN);
  if (pid > 0) {
    libc.check(`signal process ${pid}`, "kill", libc.symbols.kill(pid, constants.signals[signal]));
  }
  return pid;
}

function writeLock(): Uint8Array<ArrayBuffer> {
  const lock = new Uint8Array(FLOCK_LENGTH);
  new DataView(lock.buffer).setInt16(TYPE_OFFSET, F_WRLCK, IS_LITTLE_ENDIAN);
  return lock;
}
