import assert from "node:assert/strict";
import { makeForeignThings } from "./foreign_things.ts";
import { eventually, INNER, PATIENCE, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];

Deno.test("SIGTERM and SIGINT leave nothing behind, on both sides", async (t) => {
  await using scenario = await Scenario.create();
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await t.step(signal, async () => {
      const server = await scenario.server(...TOKEN);
      const client = await scenario.client("client", ...TOKEN);
      await server.waitForLine(/tunnel up/, PATIENCE);
      assert.notEqual(await scenario.snapshot("server"), before.server);
      assert.notEqual(await scenario.snapshot("client"), before.client);
      assert.equal((await client.kill(signal)).code, 0);
      assert.equal((await server.kill(signal)).code, 0);
      assert.equal(await scenario.snapshot("server"), before.server);
      assert.equal(await scenario.snapshot("client"), before.client);
    });
  }
});

Deno.test("a killed program leaves a working tunnel and a closed gate; the next one takes both over", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  let server = await scenario.server(...TOKEN);
  let client = await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  const standing = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  await t.step("the tunnel works without them, and strangers stay out", async () => {
    await Promise.all([server.kill("SIGKILL"), client.kill("SIGKILL")]);
    assert.equal(await scenario.snapshot("server"), standing.server);
    assert.equal(await scenario.snapshot("client"), standing.client);
    await scenario.ping("client");
    await scenario.addProbe("direct", { fou: true });
    assert.equal(await scenario.answers("direct"), false);
  });
  await t.step("a second start adds nothing and loses no packet", async () => {
    const flood = scenario.network.spawn("client", ["ping", "-i0.2", "-c1000", INNER.server]);
    await flood.waitForLine(/icmp_seq=3 /, PATIENCE);
    server = await scenario.server(...TOKEN);
    client = await scenario.client("client", ...TOKEN);
    await server.waitForLine(/authenticated again/, PATIENCE);
    assert.equal(await scenario.snapshot("server"), standing.server);
    assert.equal(await scenario.snapshot("client"), standing.client);
    await flood.kill("SIGINT");
    assert.match(flood.lines.join("\n"), / 0% packet loss/);
  });
  await t.step("and a clean stop leaves nothing", async () => {
    assert.deepEqual([await client.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
    assert.equal(await scenario.snapshot("server"), before.server);
    assert.equal(await scenario.snapshot("client"), before.client);
  });
});

Deno.test("what is another's survives: FOU ports, tables, devices, addresses", async () => {
  await using scenario = await Scenario.create();
  for (const host of ["server", "client"] as const) await makeForeignThings(scenario, host);
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  const server = await scenario.server(...TOKEN);
  const client = await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  assert.deepEqual([await client.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
  assert.equal(await scenario.snapshot("server"), before.server);
  assert.equal(await scenario.snapshot("client"), before.client);
});

Deno.test("another's FOU port of the same number is used and left, also after a crash", async () => {
  await using scenario = await Scenario.create();
  await scenario.network.must("client", ["ip", "fou", "add", "port", "10001", "ipproto", "4"]);
  const before = await scenario.snapshot("client");
  await scenario.server(...TOKEN);
  const first = await scenario.client("client", ...TOKEN);
  await eventually("the tunnel works", () => scenario.answers("client"));
  await first.kill("SIGKILL");
  const second = await scenario.client("client", ...TOKEN);
  await scenario.ping("client");
  assert.equal((await second.kill()).code, 0);
  assert.equal(await scenario.snapshot("client"), before);
});

Deno.test("a device of the tunnel's name that is another's is refused and left", async () => {
  await using scenario = await Scenario.create();
  await scenario.network.must("client", ["ip", "link", "add", "name", "ipipou1", "type", "dummy"]);
  const before = await scenario.snapshot("client");
  const client = scenario.start("client", "-n1", "-b@eth0", "-r192.0.2.1:10001", "--tunl-ip", INNER.client);
  assert.equal((await client.exit).code, 52);
  assert.match(client.lines.at(-1)!, /ipipou1: there is a device of this name that is not ours \(dummy\)/);
  assert.equal(await scenario.snapshot("client"), before);
});

Deno.test("a server that cannot have its queue leaves the kernel as it was", async () => {
  await using scenario = await Scenario.create();
  const before = await scenario.snapshot("server");
  const first = await scenario.server(...TOKEN);
  const second = scenario.start("server", "-s", "-n2", "-q1", "-b@eth0", ...TOKEN);
  assert.equal((await second.exit).code, 20);
  assert.match(second.lines.at(-1)!, /netfilter queue 1.*another process has/);
  assert.equal((await first.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("two instances share the table; the one that stops leaves the other's gate", async () => {
  await using scenario = await Scenario.create();
  const before = await scenario.snapshot("server");
  const first = await scenario.server(...TOKEN);
  const second = scenario.start("server", "-s", "-n2", "-b@eth0", ...TOKEN);
  await second.waitForLine(/waiting for clients/, PATIENCE);
  assert.equal((await second.kill()).code, 0);
  await scenario.client("client", ...TOKEN);
  await first.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  assert.equal((await first.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});
