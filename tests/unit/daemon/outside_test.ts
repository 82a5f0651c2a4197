import assert from "node:assert/strict";
import { CLOCK } from "../../../lib/clock.ts";
import { awaitOutside, findOutside } from "../../../lib/daemon/outside.ts";
import { Service } from "../../../lib/daemon/service.ts";
import { EXIT } from "../../../lib/errors.ts";
import { EMPTY_STATE, type Observed } from "../../../lib/kernel/state.ts";
import { Log } from "../../../lib/log.ts";
import type { ServiceManager } from "../../../lib/ports.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import { sampleObserved, sampleSettings } from "../samples.ts";

function settingsOf(local: Partial<Settings["local"]>): Settings {
  return sampleSettings({ local: { ip: null, device: null, ports: [10_000], ...local } });
}

function observedWith(alts: readonly string[]): Observed {
  return sampleObserved({
    own: { ...EMPTY_STATE, altAddresses: new Map(alts.map((ip) => [ip, "eth0"])) },
    hostAddresses: new Map([
      ["lo", ["127.0.0.1"]],
      ["eth0", [...alts, "192.0.2.1", "192.0.2.77"]],
      ["eth1", []],
    ]),
  });
}

function find(local: Partial<Settings["local"]>, alts: readonly string[] = []) {
  return findOutside(settingsOf(local), observedWith(alts));
}

/** Waits for a device that never appears, until stopped. */
function awaitDevice(manager: ServiceManager | null) {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date() });
  const stop = new AbortController();
  const service = new Service(manager, CLOCK, log);
  const changed = (stop: AbortSignal) =>
    new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve()));
  const kernel = { observe: () => Promise.resolve(observedWith([])), changed };
  const settings = settingsOf({ device: "eth9" });
  const waiting = awaitOutside({ settings, kernel, log, service, stop: stop.signal })
    .finally(() => service[Symbol.dispose]());
  return { lines, stop, waiting };
}

Deno.test("awaitOutside() fails at once when run by hand", async () => {
  const { lines, waiting } = awaitDevice(null);
  await assert.rejects(waiting, { exitCode: EXIT.usage, message: /there is no such device/ });
  assert.deepEqual(lines, []);
});

Deno.test("awaitOutside() as a service waits until it is to stop, and says for what", async () => {
  const told = Promise.withResolvers<string>();
  const manager = { send: told.resolve, time: 0n, period: 60_000, [Symbol.dispose]() {} };
  const { lines, stop, waiting } = awaitDevice(manager);
  const why = "there is no such device; there are: eth0, eth1";
  assert.equal(await told.promise, `STATUS=waiting for the network device eth9: ${why}`);
  stop.abort("SIGTERM");
  await assert.rejects(waiting, (reason) => reason === "SIGTERM");
  assert.deepEqual(lines, [
    `Warning: Cannot use the network device eth9 (--fou-local): ${why}; waiting for it`,
  ]);
});

Deno.test("findOutside() takes the first address of the device", () => {
  assert.deepEqual(find({ device: "eth0" }), { ip: "192.0.2.1", device: "eth0" });
});

Deno.test("findOutside() skips private addresses that an earlier run left", () => {
  assert.deepEqual(find({ device: "eth0" }, ["172.29.0.2"]), { ip: "192.0.2.1", device: "eth0" });
});

Deno.test("findOutside() takes the configured address and the device that has it", () => {
  assert.deepEqual(find({ ip: "192.0.2.77" }), { ip: "192.0.2.77", device: "eth0" });
  assert.deepEqual(find({ ip: "127.0.0.1", device: "eth1" }), { ip: "127.0.0.1", device: "lo" });
});

Deno.test("findOutside() says what is wrong with the settings", () => {
  const refused = (why: string) => ({ exitCode: EXIT.usage, message: `Cannot use the ${why}` });
  assert.throws(
    () => find({ device: "eth9" }),
    refused("network device eth9 (--fou-local): there is no such device; there are: eth0, eth1"),
  );
  assert.throws(
    () => find({ device: "eth9", ip: "192.0.2.1" }),
    refused("network device eth9 (--fou-local): there is no such device; there are: eth0, eth1"),
  );
  assert.throws(
    () => find({ device: "eth1" }),
    refused("network device eth1 (--fou-local): it has no IPv4 address"),
  );
  assert.throws(
    () => find({ ip: "192.0.2.2" }),
    refused("local address 192.0.2.2 (--fou-local): no network device here has it"),
  );
});
