import assert from "node:assert/strict";
import { EXIT, IpipouError } from "../../../lib/errors.ts";
import { Executor, RefusedSteps } from "../../../lib/kernel/executor.ts";
import { RefusedError, Runner } from "../../../lib/kernel/runner.ts";
import { command, type Step, stepOf } from "../../../lib/kernel/step.ts";
import { Log } from "../../../lib/log.ts";
import type { KernelWriter } from "../../../lib/kernel_ports.ts";
import type { ElementsRequest, ObjectRequest } from "../../../lib/requests.ts";
import { FakeSysError } from "../fake/sys_error.ts";
import { USUAL_SURROUNDINGS } from "./fake_programs.ts";

const UP = command("link set dev p0 up");
const MTU = stepOf({ kind: "link", device: "p0", mtu: 1400, alias: null, outer: null, isUp: null });
const PORT = stepOf({ kind: "fou", verb: "add", local: { ip: "192.0.2.1", port: 7 }, device: null });

function elements(count: number): Step {
  const keys = Array.from({ length: count }, (_, index) => ({ key: [`10.0.${index >> 8}.${index & 255}`] }));
  const all = keys.map((key) => ({ ...key, timeout: null, value: null }));
  const request: ElementsRequest = { kind: "elements", verb: "add", table: "t", set: "s", elements: all };
  return stepOf(request);
}

/** Answers each request by itself. */
function each(answer: (request: ObjectRequest) => string | null): KernelWriter["change"] {
  return (requests) => requests.map(answer);
}

/** An executor whose kernel answers so. @param lines gets the log @param inputs gets what programs are given */
function newExecutor(answers: Partial<KernelWriter>, lines: string[] = [], inputs: string[] = []): Executor {
  const writer = { change: each(() => null), transact: () => [], [Symbol.dispose]: () => {}, ...answers };
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 2, time: false, pid: null, write, now: () => new Date() });
  const runProgram = (_program: string, _args: readonly string[], input: string) => {
    inputs.push(input);
    return Promise.resolve({ code: 0, stdout: "", stderr: "", isLate: false });
  };
  const system = { runProgram, surroundings: USUAL_SURROUNDINGS, openReader: () => assert.fail("read") };
  return new Executor(new Runner(system, log), writer, log);
}

Deno.test("ip() asks the kernel itself, tells each line, and stops at the first that is refused", async () => {
  const lines: string[] = [];
  const executor = newExecutor({
    change: each(({ kind }) => kind === "fou" ? "Cannot assign requested address" : null),
  }, lines);
  const work = executor.ip([MTU, PORT, MTU]);
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof RefusedError);
    assert.deepEqual(error.lines, [1]);
    assert.equal(error.exitCode, EXIT.ipFou);
    assert.equal(error.message, `Cannot run 'ip ${PORT.line}': Cannot assign requested address`);
    return true;
  });
  assert.deepEqual(lines, [`ip ${MTU.line}`, `ip ${PORT.line}`]);
});

Deno.test("ip() hands over changes of several devices in a row together, and tells all that are refused", async () => {
  const asked: string[][] = [];
  const change: KernelWriter["change"] = (requests) => {
    asked.push(requests.map(({ kind }) => kind));
    return requests.map((request) =>
      request.kind === "link" && request.mtu === 1 ? "Invalid argument" : null
    );
  };
  const bad = (device: string) =>
    stepOf({ kind: "link", device, mtu: 1, alias: null, outer: null, isUp: null });
  const other = stepOf({ kind: "link", device: "p1", mtu: 1400, alias: null, outer: null, isUp: null });
  await newExecutor({ change }).ip([MTU, other, MTU, PORT, PORT, MTU]);
  assert.deepEqual(asked.splice(0), [["link", "link"], ["link"], ["fou"], ["fou"], ["link"]]);
  const work = newExecutor({ change }).ip([PORT, MTU, bad("p1"), bad("p2"), bad("p1"), PORT]);
  const error: unknown = await work.catch((error) => error);
  assert.ok(error instanceof RefusedSteps);
  const messages = ["p1", "p2"].map((device) => `Cannot run 'ip ${bad(device).line}': Invalid argument`);
  assert.deepEqual([error.message, error.lines, error.tried], [messages[0], [2, 3], 4]);
  assert.deepEqual(error.refused.map(({ at, error }) => [at, error.message]), [[2, messages[0]], [
    3,
    messages[1],
  ]]);
  assert.deepEqual(asked, [["fou"], ["link", "link", "link"]]);
});

Deno.test("ip() leaves all to one program where one step takes it", async () => {
  const inputs: string[] = [];
  await newExecutor({ change: () => assert.fail("asked") }, [], inputs).ip([MTU, UP]);
  assert.deepEqual(inputs, [`${MTU.line}\n${UP.line}\n`]);
});

Deno.test("ipEach() takes all steps, and names those that were refused for another reason", async () => {
  const said = ["Address already in use", "No such device", null, "Operation not permitted"];
  const executor = newExecutor({ change: each(() => said.shift()!) });
  await assert.rejects(executor.ipEach([PORT, MTU, PORT, PORT], "Address already in use"), { lines: [1, 3] });
  assert.deepEqual(said, []);
  await newExecutor({ change: each(() => "Address already in use") }).ipEach(
    [PORT],
    "Address already in use",
  );
});

Deno.test("nft() makes one transaction, and names its steps that were refused", async () => {
  const asked: number[] = [];
  const transact: KernelWriter["transact"] = (requests) => {
    asked.push(requests.length);
    return [1, 1, 2].map((index) => ({ index, said: "File exists" }));
  };
  const steps = [elements(1), elements(2), elements(3)];
  const lines: string[] = [];
  await assert.rejects(newExecutor({ transact }, lines).nft(steps), {
    lines: [1, 2],
    exitCode: EXIT.nft,
    message: `Cannot run nft '${steps[1]!.line}': File exists`,
  });
  assert.deepEqual(asked, [3]);
  assert.deepEqual(lines, steps.map(({ line }) => `nft '${line}'`));
});

Deno.test("nft() fails as a whole where the kernel refuses no step in particular", async () => {
  const transact = () => [{ index: null, said: "Operation not permitted" }];
  await assert.rejects(newExecutor({ transact }).nft([elements(1)]), (error) => {
    assert.ok(error instanceof IpipouError && !(error instanceof RefusedError));
    assert.match(error.message, /Operation not permitted; run as root, or with CAP_NET_ADMIN$/);
    return true;
  });
});

Deno.test("an answer that got lost is told in a line of bounded length, with a cure where there is one", async () => {
  const lose = (code: "ENOBUFS" | "EMSGSIZE") => () => {
    throw new FakeSysError("ask for changes of the kernel", "sendto", code);
  };
  await assert.rejects(newExecutor({ transact: lose("EMSGSIZE") }).nft([elements(5_000)]), (error) => {
    assert.ok(error instanceof IpipouError && !(error instanceof RefusedError));
    assert.match(error.message, /^Cannot run 'nft add element .*…': .*EMSGSIZE .*net\.core\.wmem_max/);
    assert.ok(error.message.length < 1_000);
    return true;
  });
  await assert.rejects(newExecutor({ change: lose("ENOBUFS") }).ip([MTU]), {
    message:
      `Cannot run 'ip ${MTU.line}': Cannot ask for changes of the kernel: ENOBUFS (No buffer space available)`,
    exitCode: EXIT.ipLink,
  });
});
