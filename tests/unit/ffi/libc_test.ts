import assert from "node:assert/strict";
import { EventFd } from "../../../ffi/event_fd.ts";
import { Libc } from "../../../ffi/libc.ts";
import { SysError } from "../../../ffi/sys_error.ts";

const NO_FD = 1 << 30;

/** Lowers the soft limit of open files, which limits poll(2) too, for the caller's scope. */
function limitOpenFiles(limit: number): Disposable {
  const RLIMIT_NOFILE = 7;
  const library = Deno.dlopen("libc.so.6", {
    getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
    setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  });
  const before = new BigUint64Array(2); // struct rlimit: soft, hard
  library.symbols.getrlimit(RLIMIT_NOFILE, before);
  library.symbols.setrlimit(RLIMIT_NOFILE, new BigUint64Array([BigInt(limit), before[1]!]));
  return {
    [Symbol.dispose]() {
      library.symbols.setrlimit(RLIMIT_NOFILE, before);
      library.close();
    },
  };
}

Deno.test("SysError says what failed and why, and keeps the codes", () => {
  const error = new SysError("bind the raw socket to device eth9", "setsockopt", 19, "No such device");
  assert.equal(error.message, "Cannot bind the raw socket to device eth9: ENODEV (No such device)");
  assert.deepEqual([error.name, error.call, error.errno, error.code], [
    "SysError",
    "setsockopt",
    19,
    "ENODEV",
  ]);
});

Deno.test("SysError says who may make the calls that take a privilege, and nothing of EPERM from others", () => {
  const message = (call: string) =>
    new SysError("open the raw socket", call, 1, "Operation not permitted").message;
  const why = "Cannot open the raw socket: EPERM (Operation not permitted)";
  assert.equal(message("socket"), `${why}; run as root, or with CAP_NET_ADMIN and CAP_NET_RAW`);
  assert.equal(message("sendto"), why);
});

Deno.test("SysError gives the number of an unknown errno", () => {
  assert.equal(new SysError("go on", "go", 4095, "Unknown error 4095").code, "errno 4095");
});

Deno.test("Libc is loaded once for all references, and unloaded with the last", () => {
  const first = new Libc();
  const { symbols } = first;
  const second = new Libc();
  assert.equal(second.symbols, symbols);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  // Disposing twice does not count for another reference.
  using third = new Libc();
  assert.equal(third.symbols, symbols);
  second[Symbol.dispose]();
  assert.equal(third.check("count", "recv", 7), 7);
});

Deno.test("check() returns a result and throws a failure as a SysError", () => {
  using libc = new Libc();
  assert.equal(libc.check("count", "recv", 7n), 7);
  assert.throws(() => libc.check("close it", "close", libc.symbols.close(NO_FD)), {
    name: "SysError",
    message: "Cannot close it: EBADF (Bad file descriptor)",
    call: "close",
  });
});

Deno.test("receive() throws the failure of recv", () => {
  using libc = new Libc();
  assert.throws(() => libc.receive("read", NO_FD, new Uint8Array(8)), { code: "EBADF", call: "recv" });
});

Deno.test("pollReadable() wakes for a signalled descriptor, even while it waits", async () => {
  using libc = new Libc();
  using quiet = new EventFd(libc);
  using loud = new EventFd(libc);
  const fds = [quiet.fd, loud.fd];
  let isOver = false;
  const waiting = libc.pollReadable("wait", fds).then(() => isOver = true);
  await libc.pollReadable("wait", [NO_FD]);
  assert.equal(isOver, false);
  loud.signal();
  await waiting;
  await libc.pollReadable("wait", fds); // readable until cleared
});

Deno.test("pollReadable() does not wait for a descriptor that is not open", async () => {
  using libc = new Libc();
  await libc.pollReadable("wait", [NO_FD]);
});

Deno.test("pollReadable() says why poll failed although errno stayed on the other thread", async () => {
  using libc = new Libc();
  using _limit = limitOpenFiles(64);
  await assert.rejects(libc.pollReadable("wait", new Array(65).fill(NO_FD)), {
    message: "Cannot wait: EINVAL (Invalid argument)",
    call: "poll",
  });
});

Deno.test("EventFd does nothing once closed", () => {
  using libc = new Libc();
  const event = new EventFd(libc);
  event[Symbol.dispose]();
  event[Symbol.dispose]();
  event.signal();
  assert.equal(event.fd, -1);
});
