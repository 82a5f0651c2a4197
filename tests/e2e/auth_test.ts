import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import { INNER, makeKeys, PATIENCE, PORT, Scenario } from "./scenario.ts";

const SECRET = "of both sides";

/** The [auth] settings of server and client. A server without any knows its client by the port. */
interface Case {
  readonly name: string;
  readonly server: string;
  readonly client: string;
}

async function schemes(scenario: Scenario): Promise<Case[]> {
  const { privateKey, publicKey } = makeKeys();
  await scenario.write("key", `${privateKey}\n`);
  await scenario.write("secret", `${SECRET}\n`);
  await scenario.write("token", "open sesame\n");
  const secret = 'auth.secret-file = "secret"\n';
  return [
    // No reload opens a server that asked for a proof.
    { name: "port", server: "", client: "" },
    { name: "token", server: 'auth.token-file = "token"\n', client: 'auth.token = "open sesame"\n' },
    {
      name: "ed25519",
      server: `auth.remote-pubkey-b64 = "${publicKey}"\n${secret}`,
      client: `auth.key-file = "key"\n${secret}`,
    },
  ];
}

Deno.test("each scheme connects through a NAT and directly", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const base = 'number = 1\nfou.local = "@eth0"\n';
  const ends = `${base}fou.remote = "192.0.2.1:${PORT}"\ntunl.ip = "${INNER.client}"\n`;
  const start = async (host: Host, settings: string) => {
    return scenario.start(host, "--config", await scenario.write(`${host}.toml`, settings));
  };
  const server = await start("server", `server = true\n${base}auth.lifetime = 3600\n`);
  await server.waitForLine(/waiting for clients/, PATIENCE);
  const hosts = ["client", "direct"] as const;
  const [natted, direct] = await Promise.all(hosts.map((host) => start(host, `${ends}auth.token = "-"\n`)));
  await Promise.all([natted, direct].map((client) => client!.waitForLine(/set up/, PATIENCE)));
  for (const { name, server: ofServer, client: ofClient } of await schemes(scenario)) {
    await t.step(name, async () => {
      await scenario.reload(server, "server.toml", `server = true\n${base}${ofServer}`);
      await scenario.reload(natted!, "client.toml", ends + ofClient);
      await server.waitForLine(/(tunnel up|moved from .*) to 198\.51\.100\.2:10001/, PATIENCE);
      await scenario.ping("client");
      await scenario.reload(direct!, "direct.toml", ends + ofClient);
      await server.waitForLine(/moved from 198\.51\.100\.2:10001 to 203\.0\.113\.2:10001/, PATIENCE);
      await scenario.ping("direct");
    });
  }
  const ended = await Promise.all([natted!, direct!, server].map((process) => process.kill()));
  assert.ok(ended.every(({ code }) => code === 0));
});

Deno.test("incomplete or wrong proof is refused, and the server goes on", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const { privateKey, publicKey } = makeKeys();
  const other = makeKeys();
  const to = ["--from", `203.0.113.2:${PORT}`, "--to", `192.0.2.1:${PORT}`];
  const good = ["--key", privateKey, "--secret", SECRET];
  const past = String(Math.floor(Date.now() / 1000) - 3600);
  const server = await scenario.server(
    ...["-vvv", "--auth-remote-pubkey-b64", publicKey, "--auth-secret", SECRET],
    ...["--auth-max-time-discrepancy", "600"],
  );
  const readByServer = [
    { name: "another key", args: ["--key", other.privateKey, "--secret", SECRET], why: "wrong signature" },
    { name: "another secret", args: ["--key", privateKey, "--secret", "another"], why: "wrong signature" },
    { name: "a time too old", args: [...good, "--time", past], why: "time too far from ours" },
    { name: "73 zero bytes", args: ["--hex", "00".repeat(73)], why: "wrong signature" },
    { name: "72 bytes", args: [...good, "--cut", "1"], why: "wrong length" },
    { name: "74 bytes", args: [...good, "--append", "00"], why: "not an extension of a known form" },
    { name: "an empty datagram", args: [], why: "wrong length" },
  ];
  for (const { name, args, why } of readByServer) {
    await t.step(name, async () => {
      await scenario.send("direct", ...to, ...args);
      await server.waitForLine(
        new RegExp(`refused auth packet from 203\\.0\\.113\\.2:10001: ${why}`),
        PATIENCE,
      );
    });
  }
  const droppedByGate = [
    {
      name: "an IPv4 packet of 73 bytes",
      args: ["--hex", `4500004900000000400400000a0000010a000002${"00".repeat(53)}`],
    },
  ];
  for (const { name, args } of droppedByGate) {
    await t.step(`${name}, dropped by the gate itself`, async () => {
      const before = await strangersDropped(scenario);
      await scenario.send("direct", ...to, ...args);
      assert.equal(await strangersDropped(scenario), before + 1);
    });
  }
  await t.step("most packets of another length, by the gate itself", async () => {
    const before = await strangersDropped(scenario);
    const count = 20;
    // In a moment, as the gate lets a few through each minute.
    await scenario.send("direct", ...to, "--hex", "00", "--count", `${count}`);
    const dropped = await strangersDropped(scenario) - before;
    assert.ok(dropped > count / 2, `${dropped}`);
  });
  await t.step("a valid packet from an address that no other host has, by the gate itself", async () => {
    const sources = ["0.0.0.7", "127.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.255", "192.0.2.1"];
    for (const ip of sources) {
      await scenario.send("router", "--from", `${ip}:${PORT}`, "--to", `192.0.2.1:${PORT}`, ...good);
    }
    const chain = await scenario.network.must("server", [
      "nft",
      "list",
      "chain",
      "ip",
      "ipipou",
      "auth-ipipou1",
    ]);
    const dropped = chain.matchAll(/(?:0\.0\.0\.0\/8|fib saddr type != unicast) counter packets (\d+)/g);
    assert.equal([...dropped].reduce((sum, [, count]) => sum + Number(count), 0), sources.length, chain);
  });
  await t.step("none of them gets a tunnel", async () => {
    const devices = await scenario.network.must("server", ["ip", "link"]);
    assert.doesNotMatch(devices, /ipipou1/);
  });
  await t.step("the right proof is admitted afterwards", async () => {
    await scenario.send("direct", ...to, ...good);
    await server.waitForLine(/tunnel up to 203\.0\.113\.2:10001/, PATIENCE);
  });
});

Deno.test("data from strangers never gets in, nor does plain IPIP from an admitted address", async () => {
  await using scenario = await Scenario.create({ direct: true });
  const server = await scenario.server("--auth-token", "open sesame");
  await scenario.client("client", "--auth-token", "open sesame");
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  await scenario.addProbe("direct", { fou: true });
  await scenario.addProbe("nat", { fou: false });
  const strangers = await strangersDropped(scenario);
  assert.equal(await scenario.answers("direct"), false);
  assert.equal(await strangersDropped(scenario), strangers + 3);
  assert.equal(await scenario.answers("nat"), false);
  assert.equal(await scenario.counted("ip daddr 192.0.2.1 ip protocol"), 3);
});

/** How many packets the gate dropped because they came from no admitted place. */
async function strangersDropped(scenario: Scenario): Promise<number> {
  const chain = ["nft", "list", "chain", "ip", "ipipou", "fou-ipipou1"];
  const rules = await scenario.network.must("server", chain);
  return Number(/^\s*counter packets (\d+) bytes \d+ drop$/m.exec(rules)![1]);
}
