import assert from "node:assert/strict";
import { CLOCK } from "../../../lib/clock.ts";
import { EXIT, IpipouError } from "../../../lib/errors.ts";
import { Instance, type LookOptions } from "../../../lib/kernel/instance.ts";
import { EMPTY_STATE } from "../../../lib/kernel/state.ts";
import { type Ending, FakePrograms, newRunner } from "./fake_programs.ts";

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
  return new Instance(identity, options, { runner: newRunner(), lock, clock: CLOCK });
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
  using programs = new FakePrograms({ ip: { stdout: `[]\n[]\n${JSON.stringify([route])}\n` } });
  const { foreign } = await newInstance({ nft: "none", routes: true, needsFou: true }).look();
  assert.equal(programs.given("ip", "input"), "address show\nfou show\nroute show\n");
  assert.deepEqual(foreign.routes, new Map([["10.1.0.0/16", "eth1"]]));
});
