import assert from "node:assert/strict";
import { VirtualClock } from "./clock.ts";
import { newHost, run, TUNNEL } from "./scene.ts";

const MAKE_TUNNEL = [
  `link add name p0 ${TUNNEL} mode ipip dev eth0`,
  "address add 172.28.0.0 peer 172.28.0.1 dev p0",
  "link set dev p0 up",
];

Deno.test("ip -batch carries out commands up to the first that fails, and names it", async () => {
  const host = newHost();
  const { system } = host.start();
  assert.deepEqual(await run(system, "ip", "-batch -", MAKE_TUNNEL), {
    code: 0,
    stdout: "",
    stderr: "",
    isLate: false,
  });
  const lines = ["link set dev p0 alias x", "link set dev nope up", "link set dev p0 alias y"];
  const { code, stderr } = await run(system, "ip", "-batch -", lines);
  assert.deepEqual([code, stderr], [1, 'Cannot find device "nope"\nCommand failed -:2\n']);
  assert.equal(host.kernel.devices.get("p0")?.alias, "x");
  host.assertNoMistakes();
});

Deno.test("ip -force goes on after a command that fails, except after a fatal error", async () => {
  const host = newHost();
  const { system } = host.start();
  const fou = (port: number, device = "eth0") =>
    `fou add port ${port} ipproto 4 local 192.0.2.1 dev ${device}`;
  const end = await run(system, "ip", "-force -batch -", [fou(1), fou(1), fou(2), fou(2)]);
  const inUse = "RTNETLINK answers: Address already in use";
  assert.equal(end.stderr, `${inUse}\nCommand failed -:2\n${inUse}\nCommand failed -:4\n`);
  const ended = await run(system, "ip", "-force -batch -", [fou(3), fou(4, "nope"), fou(5)]);
  assert.deepEqual([ended.code, ended.stderr], [1, "fou: unknown device name\n"]);
  assert.deepEqual(host.kernel.fou.all.map(({ port }) => port), [3, 2, 1]);
  const add = `link add name p0 ${TUNNEL} mode ipip dev nope`;
  assert.deepEqual((await run(system, "ip", "-batch -", [add])).code, 255);
});

Deno.test("ip -json -details lists devices, FOU ports and routes, a line for each", async () => {
  const host = newHost();
  const { system } = host.start();
  await run(system, "ip", "-batch -", MAKE_TUNNEL);
  const { stdout } = await run(system, "ip", "-json -details -batch -", [
    "address show",
    "fou show",
    "route show",
  ]);
  const [devices, fou, routes] = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(
    devices.map(({ ifindex, ifname }: { ifindex: number; ifname: string }) => [ifindex, ifname]),
    [
      [1, "lo"],
      [2, "eth0"],
      [3, "tunl0"],
      [4, "p0"],
    ],
  );
  assert.deepEqual(fou, []);
  assert.deepEqual(routes.map(({ dst, protocol }: { dst: string; protocol: string }) => [dst, protocol]), [
    ["default", "boot"],
    ["172.28.0.1", "kernel"],
    ["192.0.2.0/24", "kernel"],
  ]);
});

Deno.test("nft lists a table, or reports that there is none", async () => {
  const host = newHost();
  const { system } = host.start();
  const missing = await run(system, "nft", "-j list table ip ipipou");
  assert.deepEqual(missing, {
    code: 1,
    stdout: "",
    stderr: "Error: No such file or directory\nlist table ip ipipou\n              ^^^^^^\n",
    isLate: false,
  });
  assert.equal((await run(system, "nft", "-f -", ["add table ip ipipou", "add chain ip ipipou c"])).code, 0);
  const { nftables } = JSON.parse((await run(system, "nft", "-j list table ip ipipou")).stdout);
  assert.deepEqual(nftables.map((object: object) => Object.keys(object)[0]), ["metainfo", "table", "chain"]);
  const end = await run(system, "nft", "-f -", ["delete chain ip ipipou c", "delete set ip ipipou s"]);
  assert.deepEqual(end.stderr.split("\n"), [
    "/dev/stdin:2:22-22: Error: Could not process rule: No such file or directory",
    "delete set ip ipipou s",
    " ".repeat(21) + "^",
    "",
  ]);
});

Deno.test("Programs report missing modules and missing programs", async () => {
  const host = newHost();
  const { system } = host.start();
  host.kernel.modules = "missing";
  const { code, stderr } = await run(system, "modprobe", "-a fou ipip");
  assert.deepEqual([code, stderr.split("\n").length], [1, 3]);
  const fou = await run(system, "ip", "-json -details -batch -", ["address show", "fou show"]);
  const noFou = "RTNETLINK answers: No such file or directory\nError talking to the kernel\n";
  assert.deepEqual([fou.code, fou.stderr, fou.stdout.split("\n").length], [1, noFou, 2]);
  assert.match((await run(system, "ip", "-batch -", MAKE_TUNNEL)).stderr, /^Error: Unknown device type\./);
  host.kernel.modules = "loadable";
  assert.equal((await run(system, "modprobe", "-a fou ipip")).code, 0);
  assert.equal((await run(system, "ip", "-batch -", MAKE_TUNNEL)).code, 0);
  host.programs.missing.add("nft");
  await assert.rejects(run(system, "nft", "-f -"), Deno.errors.NotFound);
});

Deno.test("Programs record a mistake when asked for something they do not know", async () => {
  const host = newHost();
  const { system } = host.start();
  for (
    const [program, args, line] of [["ip", "-batch -", "link show"], ["nft", "list ruleset", ""]] as const
  ) {
    await assert.rejects(run(system, program, args, [line]), TypeError);
  }
  assert.equal(host.programs.mistakes.length, 2);
  assert.throws(() => host.assertNoMistakes(), TypeError);
});

Deno.test("A program fails as requested, after the given number of commands", async () => {
  const host = newHost();
  const { system } = host.start();
  const stderr = "RTNETLINK answers: Cannot allocate memory\nCommand failed -:3\n";
  host.programs.failNext("ip", { kind: "fails", code: 1, stderr, after: 2 });
  host.programs.failNext("nft", { kind: "fails", code: 1, stderr: "netlink: Error: no\n" });
  assert.deepEqual(await run(system, "ip", "-batch -", MAKE_TUNNEL), {
    code: 1,
    stdout: "",
    stderr,
    isLate: false,
  });
  assert.equal(host.kernel.devices.get("p0")?.up, false);
  assert.equal((await run(system, "nft", "-f -", ["add table ip x"])).code, 1);
  assert.equal(host.kernel.tables.size, 0);
  assert.equal((await run(system, "nft", "-f -", ["add table ip x"])).code, 0);
});

Deno.test("A program takes time, and other changes happen in between", async () => {
  const clock = new VirtualClock();
  const host = newHost({ latency: { run: 10, command: 5 } }, clock);
  const { system } = host.start();
  let code: number | null = null;
  run(system, "ip", "-batch -", MAKE_TUNNEL).then((end) => code = end.code);
  await clock.advance(19);
  assert.deepEqual([code, host.kernel.devices.has("p0"), host.programs.running], [null, true, 1]);
  host.kernel.ip("link delete dev p0");
  await clock.advance(6);
  assert.deepEqual([code, host.programs.running, clock.pending], [1, 0, 0]);
});

Deno.test("A program that hangs is killed at its time limit, and holds the lock until then", async () => {
  const clock = new VirtualClock();
  const host = newHost({}, clock);
  const { system } = host.start();
  host.programs.failNext("ip", { kind: "hangs", after: 1 });
  const held = await system.locks.namespace();
  const end = run(system, "ip", "-batch -", MAKE_TUNNEL, 1_000);
  held[Symbol.dispose]();
  let isFree = false;
  host.start().system.locks.namespace().then(() => isFree = true);
  await clock.advance(999);
  assert.equal(isFree, false);
  await clock.advance(1);
  assert.deepEqual(await end, { code: 143, stdout: "", stderr: "", isLate: true });
  assert.deepEqual([isFree, host.kernel.devices.get("p0")?.addresses.length, clock.pending], [true, 0, 0]);
});

Deno.test("A program whose process is killed goes on without it, and holds the lock until it ends", async () => {
  const clock = new VirtualClock();
  const host = newHost({}, clock);
  const process = host.start();
  let hasHeard = false;
  host.programs.failNext("ip", { kind: "orphaned", after: 1, pause: 100_000 });
  await process.system.locks.namespace();
  run(process.system, "ip", "-batch -", MAKE_TUNNEL).then(() => hasHeard = true);
  const next = host.start();
  let isFree = false;
  next.system.locks.namespace().then(() => isFree = true);
  await clock.advance(99_999);
  assert.deepEqual([process.isDead, isFree, host.kernel.devices.get("p0")?.up], [true, false, false]);
  await clock.advance(1);
  assert.deepEqual([hasHeard, isFree, host.kernel.devices.get("p0")?.up], [false, true, true]);
});

Deno.test("killAll() ends programs that would never end", async () => {
  const clock = new VirtualClock();
  const host = newHost({}, clock);
  const process = host.start();
  host.programs.failNext("ip", { kind: "hangs", after: 1 });
  run(process.system, "ip", "-batch -", MAKE_TUNNEL, 1_000);
  await clock.settle();
  process.kill();
  await clock.advance(5_000);
  assert.equal(host.programs.running, 1);
  host.programs.killAll();
  await clock.settle();
  assert.deepEqual([host.programs.running, clock.pending, host.kernel.devices.get("p0")?.up], [0, 0, false]);
});
