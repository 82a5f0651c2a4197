import assert from "node:assert/strict";
import { Libc } from "../../../ffi/libc.ts";
import { NotifySocket } from "../../../ffi/notify_socket.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;

/** A Unix datagram socket; an address that begins with `\0` is abstract. */
class Receiver implements Disposable {
  readonly #libc = new Libc();
  readonly #fd: number;

  constructor(address: string) {
    const { symbols } = this.#libc;
    this.#fd = this.#libc.check("open a socket", "socket", symbols.socket(AF_UNIX, SOCK_DGRAM, 0));
    const bytes = new Uint8Array([AF_UNIX, 0, ...new TextEncoder().encode(address)]);
    this.#libc.check("bind it", "bind", symbols.bind(this.#fd, bytes, bytes.length));
  }

  /** The next received message; null: none. */
  read(): string | null {
    const buffer = new Uint8Array(256);
    const length = this.#libc.receive("read it", this.#fd, buffer);
    return length === null ? null : new TextDecoder().decode(buffer.subarray(0, length));
  }

  [Symbol.dispose](): void {
    this.#libc.symbols.close(this.#fd);
    this.#libc[Symbol.dispose]();
  }
}

Deno.test("NotifySocket sends each message as one datagram, to a path and to an abstract address", async () => {
  const directory = await Deno.makeTempDir();
  const name = `ipipou-test-${crypto.randomUUID()}`;
  try {
    for (const [path, address] of [[`${directory}/s`, `${directory}/s`], [`@${name}`, `\0${name}`]]) {
      using receiver = new Receiver(address!);
      using socket = new NotifySocket(path!);
      socket.send("READY=1\nSTATUS=up – né");
      socket.send("WATCHDOG=1");
      assert.equal(receiver.read(), "READY=1\nSTATUS=up – né");
      assert.equal(receiver.read(), "WATCHDOG=1");
      assert.equal(receiver.read(), null);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("NotifySocket takes the longest path the kernel does, and refuses what is no path", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/`.padEnd(107, "x");
  try {
    using receiver = new Receiver(path);
    using socket = new NotifySocket(path);
    socket.send("READY=1");
    assert.equal(receiver.read(), "READY=1");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  for (const wrong of [`${path}x`, "relative", "@", "/", "vsock:2:1234"]) {
    assert.throws(() => new NotifySocket(wrong), { name: "TypeError" }, wrong);
  }
});

Deno.test("send() says why the message could not be sent", () => {
  using socket = new NotifySocket("/nonexistent/socket");
  assert.throws(() => socket.send("READY=1"), {
    message: "Cannot notify the service manager: ENOENT (No such file or directory)",
  });
});

Deno.test("send() does not wait for a receiver that reads nothing", async () => {
  const directory = await Deno.makeTempDir();
  try {
    using _receiver = new Receiver(`${directory}/s`);
    using socket = new NotifySocket(`${directory}/s`);
    assert.throws(() => {
      while (true) socket.send("WATCHDOG=1");
    }, { message: /^Cannot notify the service manager: EAGAIN / });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("time counts microseconds", () => {
  using socket = new NotifySocket("/nonexistent/socket");
  // In this order: a pause in between makes the measured time longer, not shorter.
  const [time, begin] = [socket.time, performance.now()];
  while (performance.now() - begin < 20);
  const passed = Number(socket.time - time);
  assert.ok(passed >= 19_000 && passed < 1e6 + 1000 * (performance.now() - begin), `${passed}`);
});
