import assert from "node:assert/strict";
import { Reconciler } from "../../../lib/daemon/reconciler.ts";
import { keepRepaired } from "../../../lib/daemon/repair.ts";
import { Log } from "../../../lib/log.ts";
import { ALL_ADMITTED, Bench, HUB, PEERS } from "./kernel_bench.ts";

/** A server with one admitted peer, whose repairs run as in the daemon. */
function standing() {
  const bench = new Bench();
  const kernel = bench.newKernel();
  const stop = new AbortController();
  const name = PEERS[0]!.name;
  const wanted = {
    ...ALL_ADMITTED,
    settings: { ...HUB, peers: [PEERS[0]!] },
    admissions: new Map([[name, ALL_ADMITTED.admissions.get(name)!]]),
  };
  const log = new Log({
    ...{ verbosity: 0, time: false, pid: null, now: () => new Date() },
    write: (line) => bench.lines.push(line),
  });
  const { clock } = bench;
  const reconciler = new Reconciler(async () => void await kernel.apply(wanted), {
    log,
    clock,
    stop: stop.signal,
  });
  const { programs, kernel: { tables } } = bench.host;
  return {
    ...{ bench, kernel, clock, programs, stop },
    begin: async () => {
      await kernel.apply(wanted);
      return Promise.all([
        keepRepaired(kernel, reconciler, stop.signal),
        kernel.ports.keepClosed(stop.signal),
      ]);
    },
    isOpen: () => bench.host.kernel.listeners.has("192.0.2.1:10000"),
    hasGate: () => tables.get("ipipou")?.chains.has("gate-hub") === true,
    linesOf: (pattern: RegExp) => bench.lines.filter((line) => pattern.test(line)),
  };
}

const REFUSED = {
  kind: "fails",
  code: 1,
  stderr: "Error: Could not process rule: Cannot allocate memory",
} as const;

Deno.test("a flushed gate is back at once, twice in a row too, and its FOU port never goes", async () => {
  const { bench, clock, stop, begin, isOpen, hasGate, linesOf } = standing();
  const work = begin();
  await clock.advance(10_000);
  for (let flush = 0; flush < 2; flush++) {
    bench.host.kernel.nft(["flush ruleset"]);
    await clock.advance(100);
    assert.ok(hasGate(), `flush ${flush}`);
  }
  assert.ok(isOpen());
  assert.equal(linesOf(/the gate is gone from nftables: restoring it/).length, 2);
  assert.deepEqual(linesOf(/FOU ports are closed/), []);
  stop.abort();
  await work;
});

Deno.test("a gate that goes while it is looked at is restored once", async () => {
  const { bench, clock, programs, stop, begin, isOpen, linesOf } = standing();
  const work = begin();
  await clock.advance(10_000);
  // ip runs twice before nft lists.
  programs.latency = { run: 100, command: 0 };
  bench.host.kernel.nft(["add rule ip ipipou fou-hub accept"]);
  await clock.advance(50);
  bench.host.kernel.nft(["flush ruleset"]);
  const handle = () => bench.host.kernel.tables.get("ipipou")?.chains.get("fou-hub")?.handle;
  await clock.advance(900);
  const restored = handle();
  assert.notEqual(restored, undefined);
  await clock.advance(10_000);
  assert.deepEqual([handle(), isOpen()], [restored, true], bench.lines.join("\n"));
  assert.equal(linesOf(/the gate .*: restoring it/).length, 1);
  stop.abort();
  await work;
});

Deno.test("a gate that nft refuses to restore closes the FOU port in the same attempt; both come back, the gate first", async () => {
  const { bench, kernel, clock, programs, stop, begin, isOpen, hasGate, linesOf } = standing();
  const work = begin();
  await clock.advance(10_000);
  for (let change = 0; change < 2; change++) programs.failNext("nft", REFUSED);
  bench.host.kernel.nft(["flush ruleset"]);
  await clock.advance(0);
  assert.deepEqual([isOpen(), hasGate()], [false, false]);
  assert.equal(
    linesOf(/FOU ports are closed until it is back: 192\.0\.2\.1:10000/).length,
    1,
    bench.lines.join("\n"),
  );
  assert.match(kernel.ports.lack!, /the gate is away/);
  const order: string[] = [];
  bench.host.kernel.changes.listen(({ kind }) => {
    if (kind === "nft") order.push(`gate ${hasGate()}, port ${isOpen()}`);
  });
  await clock.advance(10_000);
  assert.deepEqual([isOpen(), hasGate()], [true, true]);
  assert.equal(order[0], "gate true, port false");
  assert.equal(kernel.ports.lack, null);
  assert.equal(linesOf(/the gate is back/).length, 1);
  stop.abort();
  await work;
});

Deno.test("an nft that hangs closes the FOU port a second after the gate went", async () => {
  const { bench, clock, programs, stop, begin, isOpen, hasGate } = standing();
  const work = begin();
  await clock.advance(10_000);
  programs.failNext("nft", { kind: "hangs" });
  bench.host.kernel.nft(["flush ruleset"]);
  await clock.advance(900);
  assert.deepEqual([isOpen(), hasGate()], [true, false], "it may still succeed");
  await clock.advance(200);
  assert.equal(isOpen(), false);
  await clock.advance(70_000);
  assert.deepEqual([isOpen(), hasGate()], [true, true]);
  stop.abort();
  await work;
});

Deno.test("a restoration that takes longer than a second closes the FOU port meanwhile, and blames nobody for that", async () => {
  const { bench, clock, programs, stop, begin, isOpen, hasGate, linesOf } = standing();
  const work = begin();
  await clock.advance(10_000);
  // The change takes 1,200 ms.
  programs.latency = { run: 600, command: 600 };
  bench.host.kernel.nft(["flush ruleset"]);
  await clock.advance(1_100);
  assert.equal(isOpen(), false);
  await clock.advance(10_000);
  assert.deepEqual([isOpen(), hasGate()], [true, true]);
  assert.deepEqual(linesOf(/FOU port .* is gone/), []);
  assert.equal(linesOf(/the gate is back, and so are the FOU ports/).length, 1, bench.lines.join("\n"));
  stop.abort();
  await work;
});

Deno.test("a fight about the gate never leaves the FOU port open without it, and is named in few lines", async () => {
  const { bench, clock, stop, begin, isOpen, hasGate, linesOf } = standing();
  const work = begin();
  await clock.advance(10_000);
  let restored = 0;
  for (let flush = 0; flush < 600; flush++) {
    if (hasGate()) restored++;
    bench.host.kernel.nft(["flush ruleset"]);
    await clock.advance(100);
    assert.ok(!isOpen() || hasGate(), `flush ${flush}`);
  }
  assert.ok(restored >= 50 && restored <= 70, `restored ${restored} times in a minute`);
  const lines = linesOf(/^Warning: (the gate is gone|another program)/);
  assert.ok(lines.length >= 4 && lines.length <= 5, lines.join("\n"));
  assert.match(lines.at(-1)!, /another program removes or changes the gate again and again: \d+ times/);
  await clock.advance(5_000);
  assert.deepEqual([isOpen(), hasGate()], [true, true]);
  stop.abort();
  await work;
});

Deno.test("check() has a deleted FOU port restored, looks once a second at most, and runs no program for it", async () => {
  const { bench, kernel, clock, programs, stop, begin, isOpen, linesOf } = standing();
  const work = begin();
  await clock.advance(10_000);
  const { length } = programs.runs;
  for (let second = 0; second < 5; second++) {
    kernel.ports.check(clock.now());
    await clock.advance(1_000);
  }
  assert.equal(programs.runs.length, length);
  kernel.ports.check(clock.now());
  bench.host.kernel.ip("fou del port 10000 local 192.0.2.1 ipproto 4");
  kernel.ports.check(clock.now());
  await clock.advance(900);
  assert.equal(isOpen(), false, "it has looked just before");
  await clock.advance(100);
  kernel.ports.check(clock.now());
  await clock.advance(1_000);
  assert.equal(isOpen(), true);
  assert.equal(linesOf(/FOU port 192\.0\.2\.1:10000 is gone: restoring it/).length, 1);
  stop.abort();
  await work;
});

Deno.test("a rule that another program replaced is restored, though the gate has as many rules as before", async () => {
  const { bench, clock, stop, begin } = standing();
  const work = begin();
  await clock.advance(10_000);
  const rules = () => bench.host.kernel.tables.get("ipipou")!.chains.get("fou-hub")!.rules;
  const before = rules().map(({ handle: _, ...rule }) => rule);
  const { handle } = rules().at(-1)!;
  bench.host.kernel.nft([
    `delete rule ip ipipou fou-hub handle ${handle}`,
    "add rule ip ipipou fou-hub accept",
  ]);
  await clock.advance(1_500);
  assert.deepEqual(rules().map(({ handle: _, ...rule }) => rule), before);
  stop.abort();
  await work;
});
