import assert from "node:assert/strict";
import { CLOCK } from "../../../lib/clock.ts";
import { EXIT, IpipouError } from "../../../lib/errors.ts";
import { Instance, type LookOptions } from "../../../lib/kernel/instance.ts";
import { isEmptyTable } from "../../../lib/kernel/read_listing.ts";
import { EMPTY_STATE } from "../../../lib/kernel/state.ts";
import { type Ending, FakePrograms, newExecutor, newRunner } from "./fake_programs.ts";

const EMPTY_LISTS = { stdout: "[]\n[]\n" };
const NO_TABLE = { code: 1, stderr: "Error: No such file or directory\n" };
const NO_FOU = { code: 1, stderr: "Error talking to the kernel\n", stdout: "[]\n", refuses: "fou" };

function newInstance(options: LookOptions): Instance {
  const identity = {
    name: "ipipou1",
    table: "ipipou",
    devices: new Set(["ipipou1"]),
    ports: new Set([10001]),
    queue: 1,
    made: new Set<string>(),
  };
  const lock = () => Promise.resolve(new DisposableStack());
  const runner = newRunner();
  return new Instance(identity, options, { runner, executor: newExecutor(runner), lock, clock: CLOCK });
}

async function removalWith(
  programs: Readonly<Record<string, Ending>>,
  options: LookOptions,
): Promise<unknown> {
  using _programs = new FakePrograms(programs);
  return await newInstance(options).remove().catch((error: unknown) => error);
}

function assertRefused(outcome: unknown, message: RegExp): void {
  assert.ok(outcome instanceof IpipouError, String(outcome));
  assert.equal(outcome.exitCode, EXIT.cleanup);
  assert.match(outcome.message, message);
}

Deno.test("Instance.remove() does nothing when there is nothing", async () => {
  const outcome = await removalWith({ ip: EMPTY_LISTS, nft: NO_TABLE }, {
    nft: "needed",
    routes: false,
    needsFou: true,
  });
  assert.deepEqual(outcome, EMPTY_STATE);
});

Deno.test("Instance.remove() works without nft only if no gate can exist without it", async () => {
  const without = { ip: EMPTY_LISTS };
  assert.deepEqual(
    await removalWith(without, { nft: "if-installed", routes: false, needsFou: true }),
    EMPTY_STATE,
  );
  assert.deepEqual(await removalWith(without, { nft: "none", routes: false, needsFou: true }), EMPTY_STATE);
  const outcome = await removalWith(without, { nft: "needed", routes: false, needsFou: true });
  assertRefused(
    outcome,
    /^Cannot clean up: Cannot run nft: not found in PATH; install the package nftables$/,
  );
});

Deno.test("Instance.remove() fails when an installed nft fails", async () => {
  const programs = { ip: EMPTY_LISTS, nft: { code: 1, stderr: "Error: Operation not permitted\n" } };
  const outcome = await removalWith(programs, { nft: "if-installed", routes: false, needsFou: true });
  assertRefused(
    outcome,
    /^Cannot clean up: Cannot run nft .*: Operation not permitted; run as root, or with CAP_NET_ADMIN$/,
  );
});

Deno.test("Instance.remove() fails without ip", async () => {
  const outcome = await removalWith({ nft: NO_TABLE }, { nft: "needed", routes: false, needsFou: false });
  assertRefused(outcome, /Cannot run ip: not found in PATH/);
});

Deno.test("Instance.look() treats a kernel without FOU as one without FOU ports, unless FOU is needed", async () => {
  using programs = new FakePrograms({ ip: NO_FOU });
  await assert.rejects(newInstance({ nft: "none", routes: false, needsFou: true }).look(), {
    exitCode: EXIT.modprobe,
  });
  assert.equal(programs.given("ip", "input"), "address show\nfou show\n");
  assert.deepEqual(
    (await newInstance({ nft: "none", routes: false, needsFou: false }).look()).own,
    EMPTY_STATE,
  );
  assert.equal(programs.given("ip", "input"), "address show\n");
});

Deno.test("Instance.look() lists routes if asked to", async () => {
  const route = { dst: "10.1.0.0/16", dev: "eth1" };
  using programs = new FakePrograms({ ip: { stdout: `[]\n[]\n${JSON.stringify([route])}\n[]\n` } });
  const { foreign } = await newInstance({ nft: "none", routes: true, needsFou: true }).look();
  assert.equal(programs.given("ip", "input"), "address show\nfou show\nroute show\nroute show proto 201\n");
  assert.deepEqual(foreign.routes, new Map([["10.1.0.0/16", "eth1"]]));
});

Deno.test("Instance.look() knows our routes by the protocol's number, also where ip prints a name for it", async () => {
  const outer = { remote: "198.51.100.2", local: "192.0.2.1" };
  const encap = { type: "fou", sport: 10_001, dport: 40_001, csum: false };
  const tunnel = {
    ...{ ifindex: 5, ifname: "ipipou1", flags: ["UP"], ifalias: "ipipou:ipipou1", addr_info: [] },
    linkinfo: { info_kind: "ipip", info_data: { ...outer, encap } },
  };
  const ours = { dst: "10.1.0.0/16", dev: "ipipou1" };
  const all = [{ ...ours, protocol: "vpn" }, { ...ours, dst: "10.2.0.0/16", protocol: "static" }];
  const stdout = [[tunnel], [], all, [ours]].map((list) => `${JSON.stringify(list)}\n`).join("");
  using _programs = new FakePrograms({ ip: { stdout } });
  const { own, foreign } = await newInstance({ nft: "none", routes: true, needsFou: true }).look();
  assert.deepEqual(own.tunnels.get("ipipou1")?.routes, ["10.1.0.0/16"]);
  assert.deepEqual([...foreign.routes.keys()], ["10.2.0.0/16"]);
});

Deno.test("Instance.look() fails when ip prints fewer lists than asked for", async () => {
  using _programs = new FakePrograms({ ip: { stdout: "[]\n" } });
  await assert.rejects(newInstance({ nft: "none", routes: false, needsFou: true }).look(), {
    message: "Cannot read what ip printed as JSON: install a newer iproute2",
  });
});

Deno.test("isEmptyTable() takes no table for empty in which someone has an object of any kind", () => {
  const table = [{ metainfo: {} }, { table: { name: "ipipou" } }];
  assert.equal(isEmptyTable(table), true);
  for (
    const kind of ["chain", "rule", "set", "map", "counter", "quota", "flowtable", "ct helper", "future"]
  ) {
    assert.equal(isEmptyTable([...table, { [kind]: {} }]), false, kind);
  }
  assert.equal(isEmptyTable([]), false, "there is none");
});
