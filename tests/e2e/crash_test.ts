import assert from "node:assert/strict";
import { comparable, Mortal, SERVER, SERVER_UP, SIGKILLED, TOKEN } from "./mortal.ts";
import { eventually, INNER, PATIENCE, PORT, Scenario } from "./scenario.ts";

// tests/unit/crash_test.ts kills the program at every moment, and executor_test.ts stops after every step of a change of a
// real kernel. These tests kill real programs while their `ip` and `nft` run.

const CLIENT = ["-n1", "-b@eth0", `-r192.0.2.1:${PORT}`, "--tunl-ip", INNER.client, ...TOKEN];

Deno.test("a server with a private address killed during its start, an admission and its stop is taken over by the next", async (t) => {
  await using scenario = await Scenario.create();
  const args = [...SERVER, "--force-fou-local-ip-alt", "--tunl-ip", INNER.server];
  const mortal = await Mortal.create(scenario, "server", args, SERVER_UP);
  const before = await scenario.snapshot("server");
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  await t.step("admission, after the gate that has private addresses", async () => {
    await mortal.dieAfter(2);
    assert.equal(await mortal.start(), null);
    assert.deepEqual(await (await mortal.startWithoutDeath()).kill("SIGKILL"), SIGKILLED);
  });
  const standing = comparable(await scenario.snapshot("server"));
  const check = async () => {
    await scenario.ping("client");
    const port = /198\.51\.100\.2 \. \d+|encap-dport \d+/g;
    const without = (lines: readonly string[]) => lines.map((line) => line.replaceAll(port, "")).sort();
    assert.deepEqual(without(comparable(await scenario.snapshot("server"))), without(standing));
  };
  // The device is deleted in the fifth step, after its group is set.
  await t.step("stop", () => mortal.stopByDeaths([2], check));
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("a client killed during its start and its stop is taken over by the next", async (t) => {
  await using scenario = await Scenario.create();
  const mortal = await Mortal.create(scenario, "client", CLIENT, /set up/);
  const before = await scenario.snapshot("client");
  await scenario.server(...TOKEN);
  // The gate.
  await t.step("start", async () => assert.equal(await mortal.startUntilUp(1), 1));
  // After the FOU port. The device is deleted last.
  await t.step("stop", () => mortal.stopByDeaths([1], () => scenario.ping("client")));
  assert.equal(await scenario.snapshot("client"), before);
});

Deno.test("a start waits for the ip or nft of a killed program, and then finds what it did", async () => {
  await using scenario = await Scenario.create();
  const mortal = await Mortal.create(scenario, "server", SERVER, /waiting for clients/);
  const before = await scenario.snapshot("server");
  const { ino } = await Deno.stat(`/run/netns/${scenario.network.ns("server")}`);
  const isWaitedFor = new RegExp(`-> FLOCK .*:${ino} `);
  /** Lets a killed program's child work while the next run starts. @returns that run once it is up */
  const startBesideChild = async (kill: () => Promise<unknown>) => {
    const release = await mortal.dieBeforeItsChild();
    await kill();
    const next = mortal.spawn();
    await eventually("it waits", async () => {
      return isWaitedFor.test(await scenario.network.must("server", ["cat", "/proc/locks"]));
    });
    await release();
    await next.waitForLine(/waiting for clients/, PATIENCE);
    return next;
  };
  const late = await startBesideChild(async () => assert.equal(await mortal.start(), null));
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  await late.waitForLine(/tunnel up/, PATIENCE);
  const next = await startBesideChild(() => late.kill());
  await scenario.ping("client");
  assert.equal((await next.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});
