import assert from "node:assert/strict";
import { carryOut } from "../../../lib/kernel/carry_out.ts";
import { Executor } from "../../../lib/kernel/executor.ts";
import { Owners } from "../../../lib/kernel/owners.ts";
import type { Transition } from "../../../lib/kernel/plan.ts";
import { Runner } from "../../../lib/kernel/runner.ts";
import { EMPTY_STATE } from "../../../lib/kernel/state.ts";
import { stepOf } from "../../../lib/kernel/step.ts";
import { Log } from "../../../lib/log.ts";
import type { ObjectRequest } from "../../../lib/requests.ts";
import { USUAL_SURROUNDINGS } from "./fake_programs.ts";

const NOTHING = { confirm: [], withdraw: [], close: [], ip: [], open: [] };

/**
 * Carries out changes of devices' MTUs.
 *
 * @param refuses tells what the kernel refuses
 * @returns what it was asked, as `DEVICE MTU`, and what was refused
 */
async function change(mtus: readonly (readonly [device: string, mtu: number])[], refuses: RegExp) {
  const asked: string[] = [];
  const answer = (request: ObjectRequest) => {
    const { device, mtu } = request as Extract<ObjectRequest, { kind: "link" }>;
    asked.push(`${device} ${mtu}`);
    return refuses.test(`${device} ${mtu}`) ? "Invalid argument" : null;
  };
  const writer = {
    change: (requests: readonly ObjectRequest[]) => requests.map(answer),
    transact: () => [],
    [Symbol.dispose]: () => {},
  };
  const log = new Log({ verbosity: 0, time: false, pid: null, write: () => {}, now: () => new Date() });
  const unused = () => assert.fail("a program, or a reader");
  const system = { runProgram: unused, surroundings: USUAL_SURROUNDINGS, openReader: unused };
  const ip = mtus.map(([device, mtu]) =>
    stepOf({ kind: "link", device, mtu, alias: null, outer: null, isUp: null })
  );
  const plan: Transition = { ...NOTHING, ip };
  const executor = new Executor(new Runner(system, log), writer, log);
  const refusals = await carryOut(plan, new Owners(EMPTY_STATE, EMPTY_STATE, plan), executor, () => {});
  return { asked, refusals };
}

Deno.test("carryOut() asks for each change once, however many are refused, and each device has its own error", async () => {
  const mtus = Array.from({ length: 50 }, (_, index) => [`p${index}`, 1400] as const);
  const { asked, refusals } = await change(mtus, /[02468] /);
  assert.deepEqual(asked, mtus.map((entry) => entry.join(" ")));
  assert.deepEqual(
    [...refusals.keys()],
    mtus.map(([device]) => device).filter((_, index) => index % 2 === 0),
  );
  for (const [device, { message }] of refusals) {
    assert.equal(message, `Cannot run 'ip link set dev ${device} mtu 1400': Invalid argument`);
  }
});

Deno.test("carryOut() asks for no more changes of a device after one that was refused", async () => {
  const { asked, refusals } = await change(
    [["p0", 1], ["p1", 1400], ["p0", 1400], ["p2", 1400], ["p2", 1300]],
    /p0/,
  );
  assert.deepEqual(asked, ["p0 1", "p1 1400", "p2 1400", "p2 1300"]);
  assert.deepEqual([...refusals.keys()], ["p0"]);
});
