import assert from "node:assert/strict";
import type { Admission } from "../../../lib/admission.ts";
import type { Wanted } from "../../../lib/kernel/desired.ts";
import { Kernel } from "../../../lib/kernel/kernel.ts";
import { Runner } from "../../../lib/kernel/runner.ts";
import { Log } from "../../../lib/log.ts";
import { VirtualClock } from "../fake/clock.ts";
import { FakeHost } from "../fake/host.ts";
import { snapshot } from "../fake/snapshot.ts";
import { samplePeer, sampleSettings } from "../samples.ts";

const OUTSIDE = { ip: "192.0.2.1", device: "eth0", link: "eth0", isRuled: false };
/** More FOU ports than the kernel lists in one message. */
const MANY = 100;

const PEERS = Array.from({ length: MANY }, (_, index) =>
  samplePeer({
    name: `p${index}`,
    tunnel: { device: `p${index}`, ip: `172.28.1.${2 * index % 256}`, peerIp: `172.28.2.${index}` },
    altIp: null,
  }));
const HUB = sampleSettings({ name: "hub", peers: PEERS });

/** All peers behind one address. */
const ALL_ADMITTED: Wanted = {
  settings: HUB,
  outside: OUTSIDE,
  admissions: new Map(PEERS.map(({ name }, index): [string, Admission] => [
    name,
    { remote: { ip: "198.51.100.2", port: 40_000 + index }, port: 10_000, expiresAt: null },
  ])),
};

class Bench {
  readonly clock = new VirtualClock();
  readonly host = new FakeHost(this.clock, {
    address: "192.0.2.1/24",
    gateway: "192.0.2.254",
    fouPortsPerMessage: 40,
  });
  readonly lines: string[] = [];

  /** A `Kernel` of a newly started process. */
  newKernel(): Kernel {
    const { system } = this.host.start();
    const { clock, locks, openNews, openRoutes } = system;
    const write = (line: string) => this.lines.push(line);
    const log = new Log({ verbosity: 1, time: false, pid: null, write, now: () => new Date() });
    const runner = new Runner(system, log);
    const [news, routes] = [openNews("ipipou"), openRoutes()];
    return new Kernel(HUB, { runner, lock: () => locks.namespace(), clock, news, routes, log });
  }

  /** The command lines that run during `work`. */
  async runsDuring(work: () => Promise<unknown>): Promise<string[]> {
    const { length } = this.host.programs.runs;
    await work();
    return this.host.programs.runs.slice(length);
  }
}

Deno.test("observe() changes nothing, even if the kernel leaves FOU ports out of its list", async () => {
  const bench = new Bench();
  await bench.newKernel().apply(ALL_ADMITTED);
  const before = snapshot(bench.host.kernel);
  const { count } = bench.host.kernel;
  const next = bench.newKernel();
  const { own, foreign } = await next.observe();
  assert.ok(own.listeners.size + foreign.listeners.size < MANY, "the kernel left none out");
  assert.equal(bench.host.kernel.count, count, "a look changed something");
  assert.deepEqual(snapshot(bench.host.kernel), before);
});

Deno.test("apply() confirms FOU ports that the kernel left out of its list, and remove() leaves none", async () => {
  const bench = new Bench();
  const empty = snapshot(bench.host.kernel);
  await bench.newKernel().apply(ALL_ADMITTED);
  const standing = snapshot(bench.host.kernel);
  const next = bench.newKernel();
  const runs = await bench.runsDuring(() => next.apply(ALL_ADMITTED));
  assert.deepEqual(runs.filter((run) => !/ -j(son)? /.test(run)), ["ip -force -batch -"]);
  assert.deepEqual(snapshot(bench.host.kernel), standing);
  assert.deepEqual(await bench.runsDuring(() => next.apply(ALL_ADMITTED)), [], "all is known now");
  await bench.newKernel().remove();
  assert.deepEqual(snapshot(bench.host.kernel), empty);
});

Deno.test("apply() looks again after a failed command, and goes on from what it finds", async () => {
  const bench = new Bench();
  const kernel = bench.newKernel();
  await kernel.observe();
  // First it asks whether somebody has the private addresses, one by one.
  for (const after of [MANY, 50]) {
    const stderr = "RTNETLINK answers: No buffer space";
    bench.host.programs.failNext("ip", { kind: "fails", code: 1, stderr, after });
  }
  await assert.rejects(kernel.apply(ALL_ADMITTED), /No buffer space/);
  const runs = await bench.runsDuring(() => kernel.apply(ALL_ADMITTED));
  assert.ok(runs[0]!.includes("-json"), runs.join("\n"));
  assert.deepEqual(await bench.runsDuring(() => kernel.apply(ALL_ADMITTED)), []);
});

Deno.test("repairDue() resolves when someone else changes our things, once a second at most, and ends when it is stopped", async () => {
  const bench = new Bench();
  const kernel = bench.newKernel();
  await kernel.apply(ALL_ADMITTED);
  const stop = new AbortController();
  let repairs = 0;
  const watching = (async () => {
    while (!stop.signal.aborted) {
      await kernel.repairDue(stop.signal);
      if (stop.signal.aborted) return;
      repairs++;
      await kernel.apply(ALL_ADMITTED);
    }
  })();
  await bench.clock.advance(60_000);
  assert.equal(repairs, 0, "our own changes call for none");
  for (let count = 0; count < 50; count++) {
    bench.host.kernel.ip("link set dev p7 down");
    await bench.clock.advance(100);
  }
  assert.ok(repairs >= 4 && repairs <= 6, `${repairs} repairs in 5 s`);
  await bench.clock.advance(2_000);
  assert.ok(bench.host.kernel.devices.get("p7")!.up);
  bench.host.kernel.addDevice("eth7", { addresses: ["203.0.113.1/24"] });
  const before = repairs;
  await bench.clock.advance(5_000);
  assert.equal(repairs, before, "what is not ours calls for none");
  stop.abort();
  await watching;
});
