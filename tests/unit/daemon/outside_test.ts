import assert from "node:assert/strict";
import { CLOCK } from "../../../lib/clock.ts";
import { awaitOutside, findOutside, followOutside, withLocalPlace } from "../../../lib/daemon/outside.ts";
import { Service } from "../../../lib/daemon/service.ts";
import { EXIT } from "../../../lib/errors.ts";
import { EMPTY_STATE, type Gate, type Observed, type Tunnel } from "../../../lib/kernel/state.ts";
import type { Outside } from "../../../lib/kernel/member.ts";
import { Log } from "../../../lib/log.ts";
import type { ServiceManager } from "../../../lib/ports.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import { sampleObserved, sampleRoutes, sampleSettings } from "../samples.ts";
import { turn } from "../turn.ts";

/** There is a routing rule for one address. */
const SYSTEM = { openRoutes: () => sampleRoutes({ hasRuleFor: (source) => source === "192.0.2.77" }) };

function settingsOf(local: Partial<Settings["local"]>): Settings {
  return sampleSettings({ local: { ip: null, device: null, ports: [10_000], ...local } });
}

function observedWith(alts: readonly string[]): Observed {
  return sampleObserved({
    own: {
      ...EMPTY_STATE,
      altAddresses: new Map(alts.map((ip) => [ip, "eth0"])),
      tunnels: new Map([["ipipou1", {} as Tunnel]]),
    },
    hostAddresses: new Map([
      ["lo", ["127.0.0.1"]],
      ["eth0", [...alts, "192.0.2.1", "192.0.2.77"]],
      ["eth1", []],
      ["eth2", ["169.254.7.7", "192.0.2.78", "192.0.2.79"]],
      ["eth4", ["172.29.0.9", "192.0.2.90"]],
      ["eth5", ["172.29.0.9"]],
      ["eth3", ["169.254.8.8", "192.0.2.80"]],
      ["ipipou1", ["172.28.0.3"]],
    ]),
    unfitAddresses: new Map([
      ["169.254.7.7", "link-local"],
      ["169.254.8.8", "link-local"],
      ["192.0.2.78", "deprecated"],
      ["192.0.2.80", "deprecated"],
    ]),
    loneAddresses: new Set(["172.29.0.9"]),
    vrfMembers: new Set(["eth2"]),
  });
}

function find(
  local: Partial<Settings["local"]>,
  { alts = [], preferred = null }: { alts?: readonly string[]; preferred?: string | null } = {},
) {
  return findOutside(SYSTEM, settingsOf(local), observedWith(alts), preferred);
}

/** Waits for a device that never appears, until stopped. */
function awaitDevice(manager: ServiceManager | null, wait = false, device: string | null = "eth9") {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date() });
  const stop = new AbortController();
  const service = new Service(manager, CLOCK, log);
  const changed = (stop: AbortSignal) =>
    new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve()));
  const kernel = { observe: () => Promise.resolve(observedWith([])), changed };
  const settings = { ...settingsOf({ device }), wait };
  const waiting = awaitOutside({ system: SYSTEM, settings, kernel, log, service, stop: stop.signal })
    .finally(() => service[Symbol.dispose]());
  return { lines, stop, waiting };
}

Deno.test("awaitOutside() fails at once when run by hand", async () => {
  const { lines, waiting } = awaitDevice(null);
  await assert.rejects(waiting, { exitCode: EXIT.usage, message: /there is no such device/ });
  assert.deepEqual(lines, []);
});

Deno.test("awaitOutside() waits by hand with --wait, and says for what", async () => {
  const { lines, stop, waiting } = awaitDevice(null, true);
  await turn();
  assert.match(lines.join(), /network device eth9 .* there is no such device.*; waiting for it$/);
  stop.abort("SIGTERM");
  await assert.rejects(waiting, (reason) => reason === "SIGTERM");
});

Deno.test("awaitOutside() waits by hand for a way to the server", async () => {
  const { lines, stop, waiting } = awaitDevice(null, false, null);
  await turn();
  assert.match(
    lines.join("\n"),
    /Cannot use the way to the server: there is no route to it; waiting for it$/,
  );
  stop.abort("SIGTERM");
  await assert.rejects(waiting, (reason) => reason === "SIGTERM");
});

Deno.test("awaitOutside() as a service waits until it is to stop, and says for what", async () => {
  const told = Promise.withResolvers<string>();
  const manager = { send: told.resolve, time: 0n, period: 60_000, [Symbol.dispose]() {} };
  const { lines, stop, waiting } = awaitDevice(manager);
  const why = "there is no such device; there are: eth0, eth1, eth2, eth4, eth5, eth3, ipipou1";
  assert.equal(await told.promise, `STATUS=waiting for the network device eth9: ${why}`);
  stop.abort("SIGTERM");
  await assert.rejects(waiting, (reason) => reason === "SIGTERM");
  assert.deepEqual(lines, [
    `Warning: Cannot use the network device eth9 (--fou-local): ${why}; waiting for it`,
  ]);
});

Deno.test("findOutside() takes the first address of the device", () => {
  assert.deepEqual(find({ device: "eth0" }), {
    ip: "192.0.2.1",
    device: "eth0",
    link: "eth0",
    isRuled: false,
    isMarkRuled: false,
  });
});

Deno.test("findOutside() skips addresses that are link-local, deprecated and the like", () => {
  assert.equal(find({ device: "eth2" }).ip, "192.0.2.79");
  assert.equal(find({ device: "eth2" }, { preferred: "192.0.2.78" }).ip, "192.0.2.79");
  assert.throws(() => find({ device: "eth3" }), {
    exitCode: EXIT.usage,
    message: "Cannot use the network device eth3 (--fou-local): it has only 169.254.8.8 (link-local), " +
      "192.0.2.80 (deprecated); give it another address, or give --fou-local 169.254.8.8@eth3 to use that one",
  });
  assert.equal(find({ device: "eth3", ip: "169.254.8.8" }).ip, "169.254.8.8", "it is asked for");
});

Deno.test("findOutside() takes the address that the kernel prefers, wherever it is, but none of ours", () => {
  const ipOf = (device: string, preferred: string) =>
    find({ device }, { preferred, alts: ["172.29.0.2"] }).ip;
  assert.equal(ipOf("eth0", "192.0.2.77"), "192.0.2.77");
  assert.equal(ipOf("eth1", "192.0.2.77"), "192.0.2.77");
  for (const own of ["172.29.0.2", "172.28.0.3", "192.0.2.99"]) assert.equal(ipOf("eth0", own), "192.0.2.1");
});

Deno.test("findOutside() takes an address that may be a private one only if there is no other", () => {
  assert.equal(find({ device: "eth4" }).ip, "192.0.2.90");
  assert.equal(find({ device: "eth4" }, { preferred: "172.29.0.9" }).ip, "192.0.2.90");
  assert.equal(find({ device: "eth5" }).ip, "172.29.0.9");
});

Deno.test("findOutside() takes the address of a gate that a killed run left, if the device has it", () => {
  const observed = observedWith([]);
  const gateAt = (ip: string) => ({ ...observed, own: { ...observed.own, gate: { ip } as Gate } });
  const ipOf = (ip: string) => findOutside(SYSTEM, settingsOf({ device: "eth0" }), gateAt(ip)).ip;
  assert.equal(ipOf("192.0.2.77"), "192.0.2.77");
  for (const other of ["192.0.2.90", "192.0.2.99"]) assert.equal(ipOf(other), "192.0.2.1");
});

Deno.test("findOutside() binds to the device in the settings, or in a VRF to that of the address", () => {
  assert.equal(find({ ip: "192.0.2.79" }).link, "eth2");
  assert.equal(find({ ip: "192.0.2.1" }).link, null);
  assert.equal(find({ ip: "192.0.2.1", device: "eth1" }).link, "eth1");
});

Deno.test("findOutside() tells whether a rule asks for the mark of outer packets, if they have one", () => {
  const system = { openRoutes: () => sampleRoutes({ hasRuleForMark: (mark) => mark !== 0x67 }) };
  const isRuled = (fouMark: number) =>
    findOutside(system, { ...settingsOf({ device: "eth0" }), fouMark }, observedWith([]), null).isMarkRuled;
  assert.deepEqual([0, 0x66, 0x67].map(isRuled), [false, true, false]);
});

Deno.test("followOutside() stays at an address while it is there and fit, unless asked to choose anew", () => {
  const settings = settingsOf({ device: "eth0" });
  const observed = observedWith([]);
  const follow = (previous: Outside, isFixed: boolean, seen = observed) =>
    followOutside(SYSTEM, previous, settings, seen, () => findOutside(SYSTEM, settings, seen), isFixed);
  const at = (ip: string) => ({
    ip,
    device: "eth0",
    link: "eth0",
    isRuled: ip === "192.0.2.77",
    isMarkRuled: false,
  });
  const second = at("192.0.2.77");
  assert.equal(follow(second, true).outside, second);
  assert.deepEqual(follow(second, false), { outside: at("192.0.2.1"), lack: null });
  assert.deepEqual(follow(at("192.0.2.9"), true), { outside: at("192.0.2.1"), lack: null });
  const unfit = { ...observed, unfitAddresses: new Map([["192.0.2.77", "deprecated"]]) };
  assert.deepEqual(follow(second, true, unfit).outside, at("192.0.2.1"));
  const bare = { ...observed, hostAddresses: new Map([["eth0", []]]) };
  const { outside, lack } = follow(second, true, bare);
  assert.equal(outside, second);
  assert.equal(lack, "Cannot use the network device eth0 (--fou-local): it has no IPv4 address");
});

Deno.test("findOutside() takes the address by the way to a client's server where no address and device are given", () => {
  assert.deepEqual(find({}, { preferred: "192.0.2.77" }), {
    ...{ ip: "192.0.2.77", device: "eth0" },
    ...{ link: null, isRuled: true, isMarkRuled: false },
  });
  const refused = (preferred: string | null, why: string) =>
    assert.throws(() => find({}, { preferred, alts: ["172.29.0.2"] }), {
      exitCode: EXIT.usage,
      message: `Cannot use the way to the server: ${why}`,
    });
  refused(null, "there is no route to it");
  assert.equal(find({}, { preferred: "169.254.7.7" }).ip, "192.0.2.79", "a better one of that device");
  for (const [preferred, device] of [["172.28.0.3", "ipipou1"], ["172.29.0.2", "eth0"]] as const) {
    refused(preferred, `it leads through ${device}; add a route to the server by another device`);
  }
});

Deno.test("followOutside() follows the way to the server where no address and device are given", () => {
  const settings = settingsOf({});
  const observed = observedWith([]);
  const before = find({}, { preferred: "192.0.2.77" });
  const follow = (preferred: string | null) => {
    const choose = () => findOutside(SYSTEM, settings, observed, preferred);
    return followOutside(SYSTEM, before, settings, observed, choose, true);
  };
  assert.equal(follow("192.0.2.77").outside, before);
  assert.equal(follow("192.0.2.90").outside.device, "eth4");
  assert.equal(follow(null).outside, before, "it stays where it was while there is no route");
});

Deno.test("findOutside() skips private addresses that an earlier run left", () => {
  assert.equal(find({ device: "eth0" }, { alts: ["172.29.0.2"] }).ip, "192.0.2.1");
});

Deno.test("findOutside() takes the configured address and the device that has it", () => {
  assert.deepEqual(find({ ip: "192.0.2.77" }), {
    ip: "192.0.2.77",
    device: "eth0",
    link: null,
    isRuled: true,
    isMarkRuled: false,
  });
  const loopback = { ip: "127.0.0.1", device: "lo", link: "eth1", isRuled: false, isMarkRuled: false };
  assert.deepEqual(find({ ip: "127.0.0.1", device: "eth1" }), loopback);
});

Deno.test("findOutside() says what is wrong with the settings", () => {
  const refused = (why: string) => ({ exitCode: EXIT.usage, message: `Cannot use the ${why}` });
  assert.throws(
    () => find({ device: "eth9" }),
    refused(
      "network device eth9 (--fou-local): there is no such device; there are: eth0, eth1, eth2, eth4, eth5, eth3, ipipou1",
    ),
  );
  assert.throws(
    () => find({ device: "eth9", ip: "192.0.2.1" }),
    refused(
      "network device eth9 (--fou-local): there is no such device; there are: eth0, eth1, eth2, eth4, eth5, eth3, ipipou1",
    ),
  );
  const places = { ip: "fou.local-ip at /x.toml:2:9", device: "fou.dev at /x.toml:3:7" };
  const fromFile = (local: Partial<Settings["local"]>) => {
    try {
      return find(local);
    } catch (error) {
      return (withLocalPlace(error, places) as Error).message;
    }
  };
  assert.match(
    String(fromFile({ device: "eth9" })),
    /^Cannot use the network device eth9 \(fou\.dev at \/x\.toml:3:7\): there is no such device; /,
  );
  assert.equal(
    fromFile({ ip: "192.0.2.2" }),
    "Cannot use the local address 192.0.2.2 (fou.local-ip at /x.toml:2:9): no network device here has it",
  );
  assert.equal(withLocalPlace("another", places), "another");
  assert.throws(
    () => find({ device: "eth1" }),
    refused("network device eth1 (--fou-local): it has no IPv4 address"),
  );
  assert.throws(
    () => find({ ip: "192.0.2.2" }),
    refused("local address 192.0.2.2 (--fou-local): no network device here has it"),
  );
});
