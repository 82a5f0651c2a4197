import assert from "node:assert/strict";
import { CLOCK } from "../../../lib/clock.ts";
import { EXIT, IpipouError } from "../../../lib/errors.ts";
import { Instance, type Surroundings } from "../../../lib/kernel/instance.ts";
import { EMPTY_STATE } from "../../../lib/kernel/state.ts";
import { type Ending, FakePrograms, newRunner } from "./fake_programs.ts";

const EMPTY_LISTS = { stdout: "[]\n[]\n" };
const NO_TABLE = { code: 1, stderr: "Error: No such file or directory\n" };
const NO_FOU = { code: 1, stderr: "Error talking to the kernel\n", stdout: "[]\n", refuses: "fou" };

function newInstance(surroundings: Surroundings): Instance {
  const identity = {
    name: "ipipou1",
    table: "ipipou",
    devices: new Set(["ipipou1"]),
    ports: new Set([10001]),
    queue: 1,
    made: new Set(),
  };
  const lock = () => Promise.resolve(new DisposableStack());
  return new Instance(identity, surroundings, { runner: newRunner(), lock, clock: CLOCK });
}

async function removalWith(
  programs: Readonly<Record<string, Ending>>,
  surroundings: Surroundings,
): Promise<unknown> {
  using _programs = new FakePrograms(programs);
  return await newInstance(surroundings).remove().catch((error: unknown) => error);
}

function assertRefused(outcome: unknown, message: RegExp): void {
  assert.ok(outcome instanceof IpipouError, String(outcome));
  assert.equal(outcome.exitCode, EXIT.cleanup);
  assert.match(outcome.message, message);
}

Deno.test("Instance.remove() does nothing where there is nothing", async () => {
  const outcome = await removalWith({ ip: EMPTY_LISTS, nft: NO_TABLE }, {
    nft: "needed",
    routes: false,
    needsFou: true,
  });
  assert.deepEqual(outcome, EMPTY_STATE);
});

Deno.test("Instance.remove() does without nft where a gate without it is impossible, and only there", async () => {
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

Deno.test("Instance.remove() fails when nft is there and fails", async () => {
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

Deno.test("Instance.look() takes a kernel without FOU for one without FOU ports, unless it is needed", async () => {
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

Deno.test("Instance.look() looks at routes where they are of interest", async () => {
  const route = { dst: "10.1.0.0/16", dev: "eth1" };
  using programs = new FakePrograms({ ip: { stdout: `[]\n[]\n${JSON.stringify([route])}\n` } });
  const { foreign } = await newInstance({ nft: "none", routes: true, needsFou: true }).look();
  assert.equal(programs.given("ip", "input"), "address show\nfou show\nroute show\n");
  assert.deepEqual(foreign.routes, new Map([["10.1.0.0/16", "eth1"]]));
});
