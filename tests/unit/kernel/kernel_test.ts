import assert from "node:assert/strict";
import type { Admission } from "../../../lib/admission.ts";
import type { Wanted } from "../../../lib/kernel/desired.ts";
import { Admin } from "../fake/admin.ts";
import { FakeSysError } from "../fake/sys_error.ts";
import { snapshot } from "../fake/snapshot.ts";
import { ALL_ADMITTED, Bench, MANY } from "./kernel_bench.ts";

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
  const changes = runs.filter((run) => !/ -j(son)? /.test(run));
  assert.ok(
    changes.length > 0 && changes.every((run) => /^netlink ip (fou add|route \w+ local) /.test(run)),
    changes.join("\n"),
  );
  assert.deepEqual(snapshot(bench.host.kernel), standing);
  assert.deepEqual(await bench.runsDuring(() => next.apply(ALL_ADMITTED)), [], "all is known now");
  await bench.newKernel().remove();
  assert.deepEqual(snapshot(bench.host.kernel), empty);
});

Deno.test("apply() looks again after a failed step, and goes on from what it finds", async () => {
  const bench = new Bench();
  const kernel = bench.newKernel();
  await kernel.observe();
  bench.host.programs.loseNext(new FakeSysError("read the answer", "recv", "ENOBUFS"), 50);
  await assert.rejects(kernel.apply(ALL_ADMITTED), /ENOBUFS/);
  bench.host.reads.length = 0;
  await kernel.apply(ALL_ADMITTED);
  assert.ok(bench.host.reads.includes("devices"));
  assert.deepEqual(await bench.runsDuring(() => kernel.apply(ALL_ADMITTED)), []);
});

Deno.test("apply() looks again where the kernel's answer got lost, whatever it was to", async () => {
  for (let lost = 0; lost < 3; lost++) {
    const bench = new Bench();
    const kernel = bench.newKernel();
    await kernel.apply(ALL_ADMITTED);
    const [[name, first]] = [...ALL_ADMITTED.admissions] as [[string, Admission]];
    const moved = new Map(ALL_ADMITTED.admissions).set(name, {
      ...first,
      remote: { ip: "198.51.100.9", port: 7 },
    });
    const wanted = { ...ALL_ADMITTED, admissions: moved };
    const { programs } = bench.host;
    // A move is a transaction, the device, and another transaction.
    programs.loseNext(new FakeSysError("read the answer", "recv", "ENOBUFS"), lost);
    await assert.rejects(
      kernel.apply(wanted),
      /^IpipouError: Cannot run '(ip|nft) .*': Cannot read the answer: ENOBUFS/,
    );
    bench.host.reads.length = 0;
    await kernel.apply(wanted);
    assert.ok(bench.host.reads.includes("devices"));
    const fresh = new Bench();
    await fresh.newKernel().apply(ALL_ADMITTED);
    await fresh.newKernel().apply(wanted);
    assert.deepEqual(snapshot(bench.host.kernel), snapshot(fresh.host.kernel));
  }
});

/** What is wanted once some peers have another lifetime, in milliseconds from now, by the peer's number. */
function withLifetimes(bench: Bench, lifetimes: Readonly<Record<number, number | null>>): Wanted {
  const admissions = new Map(ALL_ADMITTED.admissions);
  for (const [index, lifetime] of Object.entries(lifetimes)) {
    const expiresAt = lifetime === null ? null : bench.clock.now() + lifetime;
    admissions.set(`p${index}`, { ...admissions.get(`p${index}`)!, expiresAt });
  }
  return { ...ALL_ADMITTED, admissions };
}

Deno.test("apply() decides nothing anew where only lifetimes are new, limited or not", async () => {
  const bench = new Bench();
  const kernel = bench.newKernel();
  await kernel.apply(ALL_ADMITTED);
  const { tunnels } = kernel;
  for (const lifetimes of [{ 0: 60_000 }, { 0: null }, { 1: 60_000 }]) {
    await kernel.apply(withLifetimes(bench, lifetimes));
    assert.equal(kernel.tunnels, tunnels);
  }
});

Deno.test("apply() names a peer that it cannot make a tunnel for each time, whoever gets another lifetime", async () => {
  const bench = new Bench();
  const kernel = bench.newKernel();
  bench.host.kernel.addDevice("p0");
  assert.deepEqual([...(await kernel.apply(ALL_ADMITTED)).keys()], ["p0"]);
  assert.deepEqual([...(await kernel.apply(withLifetimes(bench, { 1: 60_000 }))).keys()], ["p0"]);
});

Deno.test("apply() restores a gate that goes while it looks, and is sure of it", async () => {
  const bench = new Bench();
  const kernel = bench.newKernel();
  await kernel.apply(ALL_ADMITTED);
  bench.host.kernel.nft(["add rule ip ipipou fou-hub accept"]);
  // Another instance holds up the look.
  const lock = await bench.host.start().system.locks.namespace();
  const work = kernel.apply(ALL_ADMITTED);
  await bench.clock.advance(50);
  bench.host.kernel.nft(["flush ruleset"]);
  lock[Symbol.dispose]();
  await bench.clock.advance(10_000);
  await work;
  assert.deepEqual(await bench.runsDuring(() => kernel.apply(ALL_ADMITTED)), []);
});

Deno.test("apply() makes chains anew that others may have replaced, as a look does not show that", async () => {
  const bench = new Bench();
  const kernel = bench.newKernel();
  await kernel.apply(ALL_ADMITTED);
  const chainNow = () => bench.host.kernel.tables.get("ipipou")!.chains.get("untrack-hub")!;
  const before = chainNow();
  const rules = before.rules.map(() => "add rule ip ipipou untrack-hub accept");
  assert.ok(new Admin(bench.host.kernel).nft("flush chain ip ipipou untrack-hub", ...rules));
  await kernel.apply(ALL_ADMITTED);
  assert.ok(chainNow() !== before);
});

Deno.test("apply() knows a device of ours again that was renamed and lost its mark, as long as it runs", async () => {
  const bench = new Bench();
  const { host } = bench;
  const kernel = bench.newKernel();
  await kernel.apply(ALL_ADMITTED);
  const standing = snapshot(host.kernel);
  host.kernel.devices.get("p7")!.alias = null;
  host.kernel.ip("link set dev p7 down");
  host.kernel.ip("link set dev p7 name other");
  await kernel.apply(ALL_ADMITTED);
  assert.deepEqual(snapshot(host.kernel), standing);
});

Deno.test("repairDue() resolves when someone else changes our things, three times at once and then once a second, and ends when it is stopped", async () => {
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
  assert.ok(repairs >= 4 && repairs <= 8, `${repairs} repairs in 5 s`);
  await bench.clock.advance(2_000);
  assert.ok(bench.host.kernel.devices.get("p7")!.up);
  bench.host.kernel.addDevice("eth7", { addresses: ["203.0.113.1/24"] });
  const before = repairs;
  await bench.clock.advance(5_000);
  assert.equal(repairs, before, "what is not ours calls for none");
  stop.abort();
  await watching;
});
