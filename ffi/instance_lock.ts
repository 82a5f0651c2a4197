import { createHash } from "node:crypto";
import { O_CLOEXEC, O_RDONLY, openFile } from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { F_RDLCK, F_WRLCK, RecordLock } from "./record_lock.ts";

const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;

/** Process ids are below 2^22. */
const PID_BITS = 22n;
/** With those bits it stays within what an offset can be. */
const NAME_BITS = 40n;

/**
 * Takes the lock on an instance's name in this network namespace. The kernel releases it when the process exits, however
 * that ends. Child processes do not hold it.
 *
 * It is a lock of one byte of the namespace's file, which everyone can open for reading alone: so it excludes nobody by
 * itself, and is asked for. The byte's number is the name's hash, and the process id of the holder, which the kernel
 * does not tell of such locks. Two that take it at one moment may both be refused.
 *
 * @param path of the namespace, except in tests
 * @returns the process id of the one that has it, as it is there, if that is another
 * @throws {SysError}
 */
export function takeInstanceLock(
  name: string,
  pid: number,
  path = "/proc/self/ns/net",
): Disposable | number {
  using resources = new DisposableStack();
  const libc = resources.use(new Libc());
  const fd = openFile(libc, path, O_RDONLY | O_CLOEXEC, resources);
  const own = new RecordLock(F_RDLCK, { start: startOf(name) + BigInt(pid), length: 1n });
  libc.check(`lock ${name} on ${path}`, "fcntl", libc.symbols.fcntl(fd, F_OFD_SETLK, own.bytes));
  return askHolder(libc, fd, name) ?? resources.move();
}

/**
 * Tells who has the lock on an instance's name, without taking it for a moment.
 *
 * @param path of the namespace, except in tests
 * @returns its process id, as it is there; null: nobody
 * @throws {SysError}
 */
export function findInstanceHolder(name: string, path = "/proc/self/ns/net"): number | null {
  using resources = new DisposableStack();
  const libc = resources.use(new Libc());
  return askHolder(libc, openFile(libc, path, O_RDONLY | O_CLOEXEC, resources), name);
}

/** Looks past the locks of this opening of the file. */
function askHolder(libc: Libc, fd: number, name: string): number | null {
  const start = startOf(name);
  const other = new RecordLock(F_WRLCK, { start, length: 1n << PID_BITS });
  libc.check(`look for the lock on ${name}`, "fcntl", libc.symbols.fcntl(fd, F_OFD_GETLK, other.bytes));
  return other.isFree ? null : Number(other.start - start);
}

function startOf(name: string): bigint {
  const digest = createHash("sha256").update(name).digest();
  return BigInt.asUintN(Number(NAME_BITS), digest.readBigUInt64BE()) << PID_BITS;
}
