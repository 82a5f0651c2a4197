import { constants } from "node:os";
import { Libc } from "./libc.ts";

const POLLOUT = 4;

/** Blocks the thread until a descriptor takes something, or has an error to report. @throws {SysError} */
export function awaitWritable(fd: number): void {
  using libc = new Libc();
  const pollfd = new Int32Array([fd, POLLOUT]); // events and revents share the second word
  while (libc.symbols.poll(pollfd, 1n, -1) < 0) {
    if (libc.errno !== constants.errno.EINTR) throw libc.error("write", "poll");
  }
}
