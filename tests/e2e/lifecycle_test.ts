import assert from "node:assert/strict";
import { endUnharmed } from "../lab/pings.ts";
import { makeForeignThings } from "./foreign_things.ts";
import { eventually, INNER, IPIPOU, PATIENCE, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];

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
    await endUnharmed(flood);
  });
  await t.step(
    "after nft flush ruleset the next one has strangers out again, and the client in",
    async () => {
      await scenario.network.must("server", ["nft", "flush", "ruleset"]);
      await server.kill("SIGKILL");
      server = await scenario.server(...TOKEN);
      assert.equal(await scenario.answers("direct"), false);
      await scenario.ping("client");
    },
  );
  await t.step("and SIGTERM leaves nothing", async () => {
    assert.deepEqual([await client.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
    assert.equal(await scenario.snapshot("server"), before.server);
    assert.equal(await scenario.snapshot("client"), before.client);
  });
});

Deno.test("SIGINT leaves nothing but what is another's: FOU ports, tables, devices, addresses", async () => {
  await using scenario = await Scenario.create();
  for (const host of ["server", "client"] as const) await makeForeignThings(scenario, host);
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  const server = await scenario.server(...TOKEN);
  const client = await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  assert.notEqual(await scenario.snapshot("server"), before.server);
  assert.notEqual(await scenario.snapshot("client"), before.client);
  assert.deepEqual([await client.kill("SIGINT"), await server.kill("SIGINT")], [{ code: 0 }, { code: 0 }]);
  assert.equal(await scenario.snapshot("server"), before.server);
  assert.equal(await scenario.snapshot("client"), before.client);
});

Deno.test("another's FOU port of the same number is used and left, with a word, also after a crash", async () => {
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
  for (const { lines } of [first, second]) {
    const warnings = lines.filter((line) => line.includes("Warning: FOU port 0.0.0.0:10001 is foreign"));
    assert.deepEqual(warnings.map((line) => line.split(": ").at(-1)), ["ip fou del port 10001"]);
  }
});

Deno.test("two clients of one host share a FOU port: the first to go leaves it, the last removes it", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const before = await scenario.snapshot("client");
  await scenario.server(...TOKEN);
  const [near, far] = [["--tunl-ip", "172.28.0.4"], ["--tunl-ip", "172.28.0.5"]];
  const other = scenario.start("direct", "-s", "-n1", "-b@eth0", ...TOKEN, ...near);
  await other.waitForLine(/waiting for clients/, PATIENCE);
  const first = await scenario.client("client", ...TOKEN);
  const ends = ["-b:10001@eth0", "-r203.0.113.2:10001", ...far, "--tunl-peer-ip", "172.28.0.4"];
  const second = scenario.start("client", "-n2", ...ends, ...TOKEN);
  await other.waitForLine(/tunnel up/, PATIENCE);
  assert.match(second.lines.join("\n"), /Warning: FOU port 10\.0\.1\.2:10001 is also used by ipipou1: /);
  await t.step(
    "a server, whose gate would cut them off, is refused at its start and at a reload",
    async () => {
      const refused =
        /Cannot wait for clients at 10\.0\.1\.2:10001: ipipou\d has a tunnel at that FOU port, /;
      const early = scenario.start("client", "-s", "-n3", "-b:10001@eth0", ...TOKEN);
      assert.equal((await early.exit).code, 53);
      assert.match(early.lines.at(-1)!, refused);
      const settings = (port: number) =>
        `server = true\nnumber = 3\nfou.local = ":${port}@eth0"\nauth.token = "open sesame"\n`;
      const file = await scenario.write("server.toml", settings(10009));
      const server = scenario.start("client", "--config", file);
      await server.waitForLine(/waiting for clients/, PATIENCE);
      const lines = await scenario.give(server, "server.toml", settings(10001));
      assert.match(lines.at(-1)!, refused);
      assert.match(lines.at(-1)!, /going on with the settings as they were$/);
      assert.equal((await server.kill()).code, 0);
    },
  );
  assert.equal((await first.kill()).code, 0);
  await scenario.ping("client", "172.28.0.4");
  assert.equal((await second.kill()).code, 0);
  assert.equal(await scenario.snapshot("client"), before);
});

Deno.test("a stop that cannot remove everything ends with 200, and cleanup removes the rest", async () => {
  await using scenario = await Scenario.create();
  const before = await scenario.snapshot("server");
  for (const program of ["ip", "nft"]) {
    await Deno.symlink(`/usr/sbin/${program}`, `${scenario.directory}/${program}`);
  }
  const argv = [IPIPOU, "-s", "-n1", "-b@eth0", ...TOKEN];
  const server = scenario.network.spawn("server", argv, { PATH: scenario.directory });
  await server.waitForLine(/waiting for clients/, PATIENCE);
  await Deno.remove(`${scenario.directory}/nft`);
  assert.equal((await server.kill()).code, 200);
  assert.match(server.lines.at(-1)!, /^ipipou: Cannot clean up: Cannot run nft: not found in PATH/);
  assert.equal((await scenario.network.run("server", [IPIPOU, "cleanup", "-s", "-n1"])).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("without CAP_NET_RAW neither side starts, each says so in a line, and changes nothing", async () => {
  await using scenario = await Scenario.create();
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  const sides = { server: ["-s"], client: ["-r192.0.2.1:10001", "--tunl-ip", INNER.client] } as const;
  const bare = [
    "setpriv",
    "--bounding-set=-net_raw",
    "--inh-caps=-net_raw",
    IPIPOU,
    "-n1",
    "-b@eth0",
    ...TOKEN,
  ];
  for (const side of ["server", "client"] as const) {
    const { code, stderr } = await scenario.network.run(side, [
      ...bare,
      ...sides[side],
      "--reply-on-auth-ok",
    ]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^ipipou: Cannot open a raw socket: .*EPERM.*\n$/m);
    assert.equal(await scenario.snapshot(side), before[side]);
  }
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
