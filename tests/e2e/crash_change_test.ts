import assert from "node:assert/strict";
import { comparable, Mortal, SERVER, SERVER_UP, SIGKILLED, TOKEN } from "./mortal.ts";
import { eventually, PATIENCE, PORT, Scenario } from "./scenario.ts";

Deno.test("a server killed at any step of a reload is taken over, by the new settings and by the old ones", async (t) => {
  await using scenario = await Scenario.create();
  const path = await scenario.write("server.toml", "");
  const up = /authenticated again|waiting for clients/;
  const mortal = await Mortal.create(scenario, "server", ["-s", "--config", path], up);
  const before = await scenario.snapshot("server");
  const give = (port: number, more: string) =>
    scenario.write(
      "server.toml",
      `number = 1\nauth.token = "open sesame"\nfou.local = ":${port}@eth0"\n${more}`,
    );
  const old = () => give(PORT, "");
  const other = () => give(10005, 'tunl.ip = "172.30.0.1"\n');
  // Whom the gate knows, it lets in again once they have authenticated anew; until then their tunnel may lead nowhere.
  const standing = async () =>
    comparable(await scenario.snapshot("server")).filter((line) =>
      !/elements = .*198\.51\.100\.2|link\/ipip |ipip ipip remote /.test(line)
    );
  await old();
  let server = await mortal.live();
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  const atOld = await standing();
  await other();
  server.signal("SIGHUP");
  await server.waitForLine(/reload: .*changed/, PATIENCE);
  const atOther = await standing();
  assert.notDeepEqual(atOther, atOld);
  await t.step("back, each step in a life of its own", async () => {
    await old();
    await mortal.dieAfter(1);
    server.signal("SIGHUP");
    assert.deepEqual(await server.exit, SIGKILLED);
    const deaths = await mortal.climb(1);
    assert.ok(deaths >= 4, `${deaths} deaths`);
    assert.deepEqual(await standing(), atOld);
  });
  await t.step("and there, amid the way", async () => {
    await old();
    server = await mortal.live();
    assert.deepEqual(await standing(), atOld);
    await other();
    await mortal.dieAfter(3);
    server.signal("SIGHUP");
    assert.deepEqual(await server.exit, SIGKILLED);
    server = await mortal.live();
    assert.deepEqual(await standing(), atOther);
    assert.deepEqual(await server.kill("SIGKILL"), SIGKILLED);
  });
  await old();
  server = await mortal.live();
  await scenario.ping("client");
  assert.equal((await server.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("a server killed when it has shut a client out does not let it in again", async () => {
  await using scenario = await Scenario.create();
  const path = await scenario.write("server.toml", "");
  const args = ["-s", "-n1", "-b@eth0", "--config", path];
  const mortal = await Mortal.create(scenario, "server", args, /waiting for clients/);
  await scenario.write("server.toml", 'auth.token = "open sesame"\n');
  const server = await mortal.live();
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  await scenario.write("server.toml", 'auth.token = "another"\n');
  await mortal.dieAfter(1);
  server.signal("SIGHUP");
  assert.deepEqual(await server.exit, SIGKILLED);
  const next = await mortal.live();
  assert.match(next.lines.join("\n"), /taking over the tunnel/);
  assert.equal(await scenario.answers("client"), false);
});

Deno.test("a server killed when it renews a lifetime, and when it lets in after one, is taken over", async () => {
  await using scenario = await Scenario.create();
  const args = [...SERVER, "--auth-lifetime", "5"];
  const mortal = await Mortal.create(scenario, "server", args, SERVER_UP);
  const before = await scenario.snapshot("server");
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  const first = await mortal.live();
  await mortal.dieAfter(1);
  assert.deepEqual(await first.exit, SIGKILLED);
  await eventually("the kernel has ended it", async () => !await scenario.answers("client"));
  await mortal.dieAfter(1);
  assert.equal(await mortal.start(), null);
  const last = await mortal.live();
  await scenario.ping("client");
  assert.equal((await last.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("a start waits for what a killed program's ip or nft still does, and then finds it", async () => {
  await using scenario = await Scenario.create();
  const mortal = await Mortal.create(scenario, "server", SERVER, /waiting for clients/);
  const before = await scenario.snapshot("server");
  const { ino } = await Deno.stat(`/run/netns/${scenario.network.ns("server")}`);
  const isWaitedFor = new RegExp(`-> FLOCK .*:${ino} `);
  /** Lets a killed program's child work beside the next start; returns that when it is up. */
  const overtake = async (kill: () => Promise<unknown>) => {
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
  const standing = await mortal.live();
  const once = comparable(await scenario.snapshot("server"));
  assert.equal((await standing.kill()).code, 0);
  const late = await overtake(async () => assert.equal(await mortal.start(), null));
  assert.deepEqual(comparable(await scenario.snapshot("server")), once);
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  await late.waitForLine(/tunnel up/, PATIENCE);
  const next = await overtake(() => late.kill());
  await scenario.ping("client");
  assert.equal((await next.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});
