import assert from "node:assert/strict";
import { carryOut } from "../../../lib/kernel/carry_out.ts";
import { Executor } from "../../../lib/kernel/executor.ts";
import { Owners } from "../../../lib/kernel/owners.ts";
import type { Transition } from "../../../lib/kernel/plan.ts";
import { Runner } from "../../../lib/kernel/runner.ts";
import { moveTunnels } from "../../../lib/kernel/moves.ts";
import { EMPTY_STATE, type Tunnel } from "../../../lib/kernel/state.ts";
import { outerHeader } from "../../../lib/outer_header.ts";
import { type Step, stepOf } from "../../../lib/kernel/step.ts";
import { Log } from "../../../lib/log.ts";
import type { ObjectRequest } from "../../../lib/requests.ts";
import { USUAL_SURROUNDINGS } from "./fake_programs.ts";

const NOTHING = { confirm: [], withdraw: [], close: [], ip: [], open: [] };

function mtuOf(device: string, mtu: number): Step {
  return stepOf({ kind: "link", device, mtu, alias: null, outer: null, isUp: null });
}

/**
 * Carries out changes of devices.
 *
 * @param refuses matches lines of what the kernel refuses
 * @returns what it was asked, and what was refused
 */
async function change(ip: readonly Step[], refuses: RegExp, from = EMPTY_STATE) {
  const asked: string[] = [];
  const answer = (request: ObjectRequest) => {
    const { line } = stepOf(request);
    asked.push(line);
    return refuses.test(line) ? "Invalid argument" : null;
  };
  const writer = {
    change: (requests: readonly ObjectRequest[]) => requests.map(answer),
    transact: () => [],
    [Symbol.dispose]: () => {},
  };
  const log = new Log({ verbosity: 0, time: false, pid: null, write: () => {}, now: () => new Date() });
  const unused = () => assert.fail("a program, or a reader");
  const system = { runProgram: unused, surroundings: USUAL_SURROUNDINGS, openReader: unused };
  const plan: Transition = { ...NOTHING, ip };
  const executor = new Executor(new Runner(system, log), writer, log);
  const refusals = await carryOut(plan, new Owners(from, from, plan), executor, () => {});
  return { asked, refusals };
}

Deno.test("carryOut() asks for each change once, however many are refused, and each device has its own error", async () => {
  const names = Array.from({ length: 50 }, (_, index) => `p${index}`);
  const steps = names.map((name) => mtuOf(name, 1400));
  const { asked, refusals } = await change(steps, /[02468] mtu/);
  assert.deepEqual(asked, steps.map(({ line }) => line));
  assert.deepEqual([...refusals.keys()], names.filter((_, index) => index % 2 === 0));
  for (const [device, { message }] of refusals) {
    assert.equal(message, `Cannot run 'ip link set dev ${device} mtu 1400': Invalid argument`);
  }
});

Deno.test("carryOut() asks for no more changes of a device after one that was refused", async () => {
  const [first, second, third, ...last] = [
    ...[mtuOf("p0", 1), mtuOf("p1", 1400), mtuOf("p0", 1400), mtuOf("p2", 1400), mtuOf("p2", 1300)],
  ];
  const { asked, refusals } = await change([first!, second!, third!, ...last], /p0/);
  assert.deepEqual(asked, [first, second, ...last].map((step) => step!.line));
  assert.deepEqual([...refusals.keys()], ["p0"]);
});

Deno.test("carryOut() blames no device for the place that another one did not leave", async () => {
  const [p0, p1, p2] = ["p0", "p1", "p2"].map((name, index): Tunnel => ({
    ...{
      name,
      alias: "",
      checksum: null,
      header: outerHeader(0, 0, false),
      mtu: 1400,
      fwmark: 0,
      link: null,
    },
    ...{ inner: null, up: true, routes: [], local: { ip: "192.0.2.1", port: 1 } },
    remote: { ip: `198.51.100.${index}`, port: 2 },
  })) as [Tunnel, Tunnel, Tunnel];
  const from = { ...EMPTY_STATE, tunnels: new Map([p0, p1, p2].map((tunnel) => [tunnel.name, tunnel])) };
  const away = { ...p0, remote: { ip: "198.51.100.9", port: 2 } };
  const steps = moveTunnels([
    { found: p2, tunnel: { ...p2, remote: p1.remote } },
    { found: p1, tunnel: { ...p1, remote: p0.remote } },
    { found: p0, tunnel: away },
  ]);
  const { asked, refusals } = await change(steps, /./, from);
  assert.deepEqual([asked.length, [...refusals.keys()]], [3, ["p0"]]);
});
