import assert from "node:assert/strict";
import { EXIT } from "../../lib/errors.ts";
import { readManager } from "../../lib/service_manager.ts";

const PID = 7;

function periodOf(WATCHDOG_USEC: string, WATCHDOG_PID?: string): number | undefined {
  return readManager({ NOTIFY_SOCKET: "/run/notify", WATCHDOG_USEC, WATCHDOG_PID }, PID)?.period;
}

Deno.test("readManager() finds none where no socket is named", () => {
  assert.equal(readManager({}, PID), null);
  assert.equal(readManager({ NOTIFY_SOCKET: "", WATCHDOG_USEC: "1000000" }, PID), null);
});

Deno.test("readManager() reads the socket, and the watchdog's period if it is meant for this process", () => {
  assert.deepEqual(readManager({ NOTIFY_SOCKET: "@x" }, PID), { socket: "@x", period: 30_000 });
  assert.equal(periodOf("5000000"), 5_000);
  assert.equal(periodOf("5000000", "7"), 5_000);
  assert.equal(periodOf("5000000", "8"), 30_000);
});

Deno.test("readManager() ignores a period that is none, and sends no more than ten signs of life a second", () => {
  for (const text of ["", "0", "-1", "x", "1e9", "NaN", "Infinity", "18446744073709551615"]) {
    assert.equal(periodOf(text), 30_000, text);
  }
  assert.equal(periodOf("1"), 100);
});

Deno.test("readManager() names a socket that the program cannot use", () => {
  for (const socket of ["vsock:2:1234", "notify", "/", `/${"x".repeat(200)}`]) {
    assert.throws(() => readManager({ NOTIFY_SOCKET: socket }, PID), {
      name: "IpipouError",
      message: /^Cannot use ".+" as the service manager's socket \(\$NOTIFY_SOCKET\): must be a path,/,
      exitCode: EXIT.usage,
    });
  }
});
