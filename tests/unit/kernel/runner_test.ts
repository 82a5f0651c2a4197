import assert from "node:assert/strict";
import { EXIT, IpipouError } from "../../../lib/errors.ts";
import { CommandError, parseIpLists, RefusedError, Runner } from "../../../lib/kernel/runner.ts";
import { Log } from "../../../lib/log.ts";
import type { RunProgram } from "../../../lib/ports.ts";
import { type Ending, FakePrograms, newRunner, readerOf, USUAL_SURROUNDINGS } from "./fake_programs.ts";

/** The error of a runner when `ip` or `nft` ends like this. */
async function failure(ending: Ending, run: (runner: Runner) => Promise<unknown>): Promise<IpipouError> {
  using programs = new FakePrograms({ ip: ending, nft: ending });
  const error = await run(newRunner(programs)).then(
    () => assert.fail("it succeeded"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof IpipouError, String(error));
  return error;
}

const MAKE_TUNNEL = [
  "link add name p0 type ipip remote 198.51.100.2 local 192.0.2.1",
  "fou add port 10000 ipproto 4 local 192.0.2.1",
  "address add 172.28.0.0 peer 172.28.0.1 dev p0",
];

Deno.test("ip() runs all commands in one batch, in the C locale, and returns what they print", async () => {
  using programs = new FakePrograms({ ip: { stdout: "[]\n[]\n" } });
  const lines: string[] = [];
  const printed = await newRunner(programs, { lines }).ip(["address show", "fou show"], [
    "-json",
    "-details",
  ]);
  assert.equal(printed, "[]\n[]\n");
  assert.equal(programs.given("ip", "argv"), "-json\n-details\n-batch\n-\n");
  assert.equal(programs.given("ip", "input"), "address show\nfou show\n");
  assert.equal(programs.given("ip", "locale"), "C\n");
  assert.deepEqual(lines, ["ip -json -details address show", "ip -json -details fou show"]);
});

Deno.test("ip() names the command that failed and why, and keeps the rest as the cause", async () => {
  const stderr = "RTNETLINK answers: File exists\nCommand failed -:3\n";
  const error = await failure({ code: 1, stderr }, (runner) => runner.ip(MAKE_TUNNEL));
  assert.equal(error.message, `Cannot run 'ip ${MAKE_TUNNEL[2]}': File exists`);
  assert.ok(error.cause instanceof CommandError);
  assert.deepEqual(error.cause.argv, ["ip", "-batch", "-"]);
  assert.deepEqual([error.cause.code, error.cause.stderr], [1, stderr]);
});

Deno.test("ipEach() runs all commands, ignores those that change nothing, and reports any other failure", async () => {
  const done = "Address already in use";
  const each = (stderr: string) => {
    const programs = new FakePrograms({ ip: { code: 1, stderr } });
    return { programs, run: () => newRunner(programs).ipEach(MAKE_TUNNEL, done) };
  };
  const answer = (text: string, line: number) => `RTNETLINK answers: ${text}\nCommand failed -:${line}\n`;
  {
    const { programs, run } = each(answer(done, 2) + answer(done, 3));
    using _ = programs;
    await run();
    assert.equal(programs.given("ip", "argv"), "-force\n-batch\n-\n");
    assert.equal(programs.given("ip", "input"), MAKE_TUNNEL.map((line) => `${line}\n`).join(""));
  }
  const { programs, run } = each(answer(done, 2) + answer("Operation not permitted", 3));
  using _ = programs;
  const error: unknown = await run().catch((error) => error);
  assert.ok(error instanceof RefusedError);
  assert.deepEqual(error.lines, [2]);
  assert.match(error.message, /^Cannot run 'ip address add .*': Operation not permitted; run as root/);
});

Deno.test("ip() fails with the exit code of the failed action", async () => {
  const codeOf = async (line: number, reason: string) => {
    const stderr = `${reason}\nCommand failed -:${line}\n`;
    return (await failure({ code: 1, stderr }, (runner) => runner.ip(MAKE_TUNNEL))).exitCode;
  };
  assert.equal(await codeOf(1, "RTNETLINK answers: File exists"), EXIT.ipLink);
  assert.equal(await codeOf(2, "RTNETLINK answers: Address already in use"), EXIT.ipFou);
  assert.equal(await codeOf(3, "RTNETLINK answers: File exists"), EXIT.ipAddress);
  assert.equal(await codeOf(1, "Error: Unknown device type."), EXIT.modprobe);
  assert.equal(await codeOf(2, "RTNETLINK answers: Operation not supported"), EXIT.modprobe);
});

Deno.test("ip() blames the first fou command when the kernel has no FOU, though ip names no line", async () => {
  const stderr = "RTNETLINK answers: No such file or directory\nError talking to the kernel\n";
  const error = await failure(
    { code: 1, stderr },
    (runner) => runner.ip(["address show", "fou show", "fou add"]),
  );
  assert.match(error.message, /^Cannot run 'ip fou show': No such file or directory; Error talking to the k/);
  assert.equal(error.exitCode, EXIT.modprobe);
});

Deno.test("ip() blames no single command of several when ip names no line", async () => {
  const ending = { code: 255, stderr: 'Cannot find device "eth9"\n' };
  const several = await failure(ending, (runner) => runner.ip(MAKE_TUNNEL));
  assert.equal(several.message, `Cannot run 'ip -batch -': Cannot find device "eth9"`);
  assert.equal(several.exitCode, EXIT.ipLink);
  const one = await failure(ending, (runner) => runner.ip(["link set dev eth9 up"]));
  assert.equal(one.message, `Cannot run 'ip link set dev eth9 up': Cannot find device "eth9"`);
});

Deno.test("ip() gives the exit code of a program that prints no error", async () => {
  const error = await failure({ code: 143 }, (runner) => runner.ip(["address show"]));
  assert.equal(error.message, "Cannot run 'ip address show': exit code 143");
});

Deno.test("nft() runs all commands in one transaction", async () => {
  using programs = new FakePrograms({ nft: {} });
  const lines: string[] = [];
  await newRunner(programs, { lines }).nft(["add table ip x", "add chain ip x c"]);
  assert.equal(programs.given("nft", "argv"), "-f\n-\n");
  assert.equal(programs.given("nft", "input"), "add table ip x\nadd chain ip x c\n");
  assert.deepEqual(lines, ["nft 'add table ip x'", "nft 'add chain ip x c'"]);
});

Deno.test("nft() names the first command that failed and why", async () => {
  const stderr = [
    "/dev/stdin:2:19-22: Error: Could not process rule: No such file or directory",
    "delete chain ip x nope",
    "                  ^^^^",
    "/dev/stdin:3:19-23: Error: Could not process rule: Device or resource busy",
    "delete chain ip x nope2",
    "                  ^^^^^",
    "",
  ].join("\n");
  const commands = ["add table ip x", "delete chain ip x nope", "delete chain ip x nope2"];
  const error = await failure({ code: 1, stderr }, (runner) => runner.nft(commands));
  assert.equal(
    error.message,
    "Cannot run nft 'delete chain ip x nope': Could not process rule: No such file or directory",
  );
  assert.equal(error.exitCode, EXIT.nft);
});

Deno.test("nft() blames the first command when nft names none", async () => {
  const stderr = "netlink: Error: cache initialization failed: Operation not permitted\n";
  const error = await failure(
    { code: 1, stderr },
    (runner) => runner.nft(["add table ip x", "add table ip y"]),
  );
  const why = "cache initialization failed: Operation not permitted; run as root, or with CAP_NET_ADMIN";
  assert.equal(error.message, `Cannot run nft 'add table ip x': ${why}`);
});

Deno.test("modprobe() loads all modules in one run, and names the command if that fails", async () => {
  {
    using programs = new FakePrograms({ modprobe: {} });
    const lines: string[] = [];
    await newRunner(programs, { lines }).modprobe(["fou", "ipip"]);
    assert.equal(programs.given("modprobe", "argv"), "-a\nfou\nipip\n");
    assert.deepEqual(lines, ["modprobe -a fou ipip"]);
  }
  using programs = new FakePrograms({ modprobe: { code: 1, stderr: "modprobe: FATAL: no fou\n" } });
  await assert.rejects(newRunner(programs).modprobe(["fou"]), {
    name: "IpipouError",
    message: "Cannot run 'modprobe -a fou': modprobe: FATAL: no fou",
    exitCode: EXIT.modprobe,
  });
});

Deno.test("Runner names the package of a missing program", async () => {
  using programs = new FakePrograms({});
  const runner = newRunner(programs);
  const missing = (program: string, name: string, exitCode: number) => ({
    name: "IpipouError",
    message: `Cannot run ${program}: not found in PATH; install the package ${name}`,
    exitCode,
  });
  await assert.rejects(runner.ip(["address show"]), missing("ip", "iproute2", EXIT.failure));
  await assert.rejects(runner.nft(["add table ip x"]), missing("nft", "nftables", EXIT.nft));
  await assert.rejects(runner.modprobe(["fou"]), missing("modprobe", "kmod", EXIT.failure));
});

Deno.test("Runner accepts a program that ends before it has read everything", async () => {
  using programs = new FakePrograms({ ip: {} });
  programs.write("ip", ["echo 'Command failed -:1' >&2", "exit 1"]);
  const commands = Array.from({ length: 50_000 }, (_, index) => `link delete dev p${index}`);
  await assert.rejects(newRunner(programs).ip(commands), {
    message: "Cannot run 'ip link delete dev p0': exit code 1",
  });
  assert.equal(programs.given("ip", "input"), "");
});

Deno.test("Runner says that a killed program took too long", async () => {
  const limits: number[] = [];
  const run: RunProgram = (_program, _args, _input, timeLimit) => {
    limits.push(timeLimit);
    return Promise.resolve({ code: 143, stdout: "", stderr: "", isLate: true });
  };
  const log = new Log({ verbosity: 0, time: false, pid: null, write: assert.fail, now: () => new Date() });
  const runner = new Runner({ runProgram: run, surroundings: USUAL_SURROUNDINGS, openReader: readerOf }, log);
  const late = (command: string, exitCode: number) => ({
    message: `Cannot run ${command}: killed, as it took more than 60 s`,
    exitCode,
  });
  await assert.rejects(runner.ip(["link set dev p0 up"]), late("'ip link set dev p0 up'", EXIT.ipLink));
  await assert.rejects(runner.nft(["add table ip x"]), late("nft 'add table ip x'", EXIT.nft));
  assert.deepEqual(limits, [60_000, 60_000]);
});

Deno.test("Runner says in one line what a program said in several, and what it did not say", async () => {
  const lines = "nft: symbol lookup error\nnft: version not found\n";
  const several = await failure({ code: 127, stderr: lines }, (runner) => runner.nft(["add table ip x"]));
  assert.equal(
    several.message,
    "Cannot run nft 'add table ip x': nft: symbol lookup error; nft: version not found",
  );
  const silent = await failure({ code: 139 }, (runner) => runner.nft(["add table ip x"]));
  assert.equal(silent.message, "Cannot run nft 'add table ip x': exit code 139");
  const again = "Operation not permitted\n".repeat(1_000);
  const each = await failure({ code: 1, stderr: again }, (runner) => runner.ipEach(MAKE_TUNNEL, "done"));
  assert.equal(
    each.message,
    "Cannot run 'ip -batch -': Operation not permitted; run as root, or with CAP_NET_ADMIN",
  );
});

Deno.test("Runner shortens a command about thousands of peers", async () => {
  const command = `add element ip x y { ${"192.0.2.1, ".repeat(5_000)} }`;
  const error = await failure({ code: 1, stderr: "Error: no\n" }, (runner) => runner.nft([command]));
  assert.match(error.message, /^Cannot run nft 'add element ip x y \{ (192\.0\.2\.1, )+.*…': no$/);
  assert.ok(error.message.length < 500, `${error.message.length}`);
});

Deno.test("Runner shortens what a program said, as it is shown", async () => {
  const stderr = "\0".repeat(5_000);
  const error = await failure({ code: 1, stderr }, (runner) => runner.ip(["address show"]));
  assert.ok(error.message.length < 500, `${error.message.length}`);
});

Deno.test("ip() blames no fou command where there is none", async () => {
  const ending = { code: 1, stderr: "Error talking to the kernel\n" };
  const error = await failure(ending, (runner) => runner.ip(["address show"]));
  assert.match(
    error.message,
    /^Cannot run 'ip address show': Error talking to the kernel; load the modules: /,
  );
});

Deno.test("parseIpLists() refuses JSON that is not what was asked for", () => {
  for (const text of ["", "[]", "[]\n[]\n[]", "[]\nnull", "[]\n{}", "[]\n[", "{}\n[]"]) {
    assert.throws(() => parseIpLists(text, 2), {
      name: "IpipouError",
      message: "Cannot read what ip printed as JSON: install a newer iproute2",
    });
  }
  assert.deepEqual(parseIpLists("[1]\n[]\n", 2), [[1], []]);
});
