import assert from "node:assert/strict";
import { SYSTEM } from "../../lib/system.ts";

/** Sets a service manager's environment variables for the caller's scope. */
class Environment implements Disposable {
  readonly #before: Record<string, string | undefined>;

  constructor(variables: Record<string, string | undefined>) {
    this.#before = Object.fromEntries(Object.keys(variables).map((name) => [name, Deno.env.get(name)]));
    this.#set(variables);
  }

  [Symbol.dispose](): void {
    this.#set(this.#before);
  }

  #set(variables: Record<string, string | undefined>): void {
    for (const [name, value] of Object.entries(variables)) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

Deno.test("openServiceManager() finds none if none started the program", () => {
  using _ = new Environment({ NOTIFY_SOCKET: undefined });
  assert.equal(SYSTEM.openServiceManager(), null);
});

Deno.test("openServiceManager() returns a manager whose send() says why it failed", () => {
  using _ = new Environment({ NOTIFY_SOCKET: "/run/no-such-socket" });
  using manager = SYSTEM.openServiceManager()!;
  assert.throws(() => manager.send("READY=1"), {
    message: "Cannot notify the service manager: ENOENT (No such file or directory)",
  });
});

Deno.test("openServiceManager() takes the watchdog's period, if that watches this process", () => {
  for (
    const [pid, period] of [[undefined, 5_000], [String(Deno.pid), 5_000], ["1", 30_000]] as const
  ) {
    using _ = new Environment({
      NOTIFY_SOCKET: "/run/no-such-socket",
      WATCHDOG_USEC: "5000000",
      WATCHDOG_PID: pid,
    });
    using manager = SYSTEM.openServiceManager()!;
    assert.equal(manager.period, period);
  }
});
