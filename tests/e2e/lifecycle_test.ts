import assert from "node:assert/strict";
import { ADDRESS, type Host } from "../lab/network.ts";
import { endUnharmed } from "../lab/pings.ts";
import { makeForeignThings } from "./foreign_things.ts";
import { INNER, IPIPOU, PATIENCE, PORT, Scenario } from "./scenario.ts";

const TERMINAL = new URL("terminal.py", import.meta.url).pathname;

const TOKEN = ["--auth-token", "open sesame"];

/** Handles of the server's sets and maps by name, but for those that remember rates: each that is made gets another. */
async function handles({ network }: Scenario): Promise<Map<string, string>> {
  const listed = await network.must("server", ["nft", "-a", "list", "table", "ip", "ipipou"]);
  const sets = listed.matchAll(/^\t(?:set|map) (\S+) \{ # handle (\d+)$/gm);
  return new Map(
    Array.from(sets, ([, name, handle]) => [name!, handle!] as const)
      .filter(([name]) => !/^(places|limits|hinted)-/.test(name)),
  );
}

Deno.test("a killed program leaves a working tunnel and a closed gate; the next run takes both over", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  let server = await scenario.server(...TOKEN);
  let client = await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  const standing = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  await t.step("the tunnel works without the programs, and strangers stay out", async () => {
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
    "a next run with other rules leaves the sets and maps that packets are looked up in",
    async () => {
      const parts = await handles(scenario);
      assert.ok(parts.has("remotes-ipipou1") && parts.has("addresses-ipipou1"), [...parts.keys()].join());
      await server.kill("SIGKILL");
      server = await scenario.server(...TOKEN, "--no-nft-counter");
      assert.doesNotMatch(await scenario.snapshot("server"), /counter/);
      assert.deepEqual(await handles(scenario), parts);
      await scenario.ping("client");
    },
  );
  await t.step(
    "after nft flush ruleset the next run shuts out strangers again, and admits the client",
    async () => {
      await scenario.network.must("server", ["nft", "flush", "ruleset"]);
      await server.kill("SIGKILL");
      server = await scenario.server(...TOKEN);
      assert.equal(await scenario.answers("direct"), false);
      await scenario.ping("client");
    },
  );
  await t.step("SIGTERM leaves nothing behind", async () => {
    assert.deepEqual([await client.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
    assert.equal(await scenario.snapshot("server"), before.server);
    assert.equal(await scenario.snapshot("client"), before.client);
  });
});

Deno.test("SIGINT leaves nothing but what is foreign: FOU ports, tables, devices, addresses", async () => {
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

Deno.test("without CAP_NET_RAW neither side starts; each reports it in one line and changes nothing", async () => {
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

Deno.test("a server that cannot open its queue leaves the kernel as it was", async () => {
  await using scenario = await Scenario.create();
  const before = await scenario.snapshot("server");
  const first = await scenario.server(...TOKEN);
  const second = scenario.start("server", "-s", "-n2", "-q1", "-b@eth0", ...TOKEN);
  assert.equal((await second.exit).code, 20);
  assert.match(
    second.lines.at(-1)!,
    /netfilter queue 1: EPERM .*: another process has it .* --queue-number$/,
  );
  assert.equal((await first.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("Ctrl-C pressed again and again in a terminal ends server and client as pressed once: nothing is left", async () => {
  await using scenario = await Scenario.create();
  const remote = ["-r", `${ADDRESS.server}:${PORT}`, "--tunl-ip", INNER.client];
  for (
    const [host, said, ...options] of [["server", "waiting for clients", "-s"], [
      "client",
      "set up",
      ...remote,
    ]]
  ) {
    const before = await scenario.snapshot(host as Host);
    const argv = ["-n1", "-b@eth0", ...TOKEN, ...options];
    const terminal = ["/usr/bin/python3", "-B", TERMINAL, said!, IPIPOU, ...argv];
    const { code, stdout } = await scenario.network.run(host as Host, terminal);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /SIGINT: stopping event=stopping signal=SIGINT\r?\n/);
    assert.match(stdout, /still stopping; if that hangs: kill -9 \d+, then ipipou cleanup (-s )?-n 1\r?\n/);
    assert.equal(await scenario.snapshot(host as Host), before);
  }
});
