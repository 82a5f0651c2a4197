import assert from "node:assert/strict";
import { ADDRESS } from "../lab/network.ts";
import { originalClient, originalServer } from "./original.ts";
import { INNER, makeKeys, PATIENCE, PORT, Scenario, STAND_IN } from "./scenario.ts";

const SECRET = "of both sides";

/** One scheme's arguments: ours and the stand-in's. */
interface Scheme {
  readonly name: string;
  readonly ours: { readonly server: string[]; readonly client: string[] };
  readonly original: { readonly server: string[]; readonly client: string[] };
}

async function schemes(): Promise<Scheme[]> {
  const client = await makeKeys();
  const server = await makeKeys();
  const token = "open sesame";
  return [
    { name: "port", ours: { server: [], client: [] }, original: { server: [], client: [] } },
    {
      name: "token",
      ours: { server: ["--auth-token", token], client: ["--auth-token", token] },
      original: { server: ["--token", token, "--reply"], client: ["--token", token] },
    },
    {
      name: "ed25519",
      ours: {
        server: ["--auth-remote-pubkey-b64", client.publicKey, "--auth-secret", SECRET],
        client: ["--auth-key-b64", client.privateKey, "--auth-secret", SECRET],
      },
      original: {
        server: ["--pubkey", client.publicKey, "--key", server.privateKey, "--secret", SECRET, "--reply"],
        client: ["--key", client.privateKey, "--secret", SECRET],
      },
    },
  ];
}

async function pingBothWays(scenario: Scenario): Promise<void> {
  await scenario.ping("client", INNER.server);
  await scenario.ping("server", INNER.client);
}

Deno.test("a client reaches a server of version 0.1 through a NAT, and roams, by each scheme", async (t) => {
  await using scenario = await Scenario.create();
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  for (const { name, ours, original } of await schemes()) {
    await t.step(name, async () => {
      const server = await originalServer(scenario, ...original.server);
      const client = await scenario.client("client", ...ours.client);
      await server.waitForLine(/^up 198\.51\.100\.2:\d+$/, PATIENCE);
      await pingBothWays(scenario);
      await scenario.network.remapNat();
      client.signal("SIGUSR1");
      await server.waitForLine(/^moved 198\.51\.100\.2:2\d{4}$/, PATIENCE);
      await pingBothWays(scenario);
      assert.deepEqual([await client.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
      assert.equal(await scenario.snapshot("server"), before.server);
      assert.equal(await scenario.snapshot("client"), before.client);
    });
  }
});

Deno.test("a client of version 0.1 is let in through a NAT, and followed, by each scheme", async (t) => {
  await using scenario = await Scenario.create();
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  for (const { name, ours, original } of await schemes()) {
    await t.step(name, async () => {
      const server = await scenario.server(...ours.server, "--reply-on-auth-ok");
      const client = await originalClient(scenario, ...original.client);
      await server.waitForLine(/tunnel up to 198\.51\.100\.2:/, PATIENCE);
      await pingBothWays(scenario);
      await scenario.network.remapNat();
      client.signal("SIGUSR1");
      await server.waitForLine(/moved from \S+ to 198\.51\.100\.2:2\d{4}/, PATIENCE);
      await pingBothWays(scenario);
      assert.deepEqual([await client.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
      assert.equal(await scenario.snapshot("server"), before.server);
      assert.equal(await scenario.snapshot("client"), before.client);
    });
  }
});

Deno.test("auth packets without UDP checksum and with one pass a NAT and are accepted", async () => {
  await using scenario = await Scenario.create();
  const server = await scenario.server("--auth-token", "open sesame");
  const filter = ["-i", "eth0", "-nvv", "-l", "udp", "dst", "port", String(PORT)];
  const capture = scenario.network.spawn("server", ["tcpdump", ...filter]);
  await capture.waitForLine(/listening on eth0/, PATIENCE);
  const ends = ["--from", `${ADDRESS.client}:${PORT}`, "--to", `${ADDRESS.server}:${PORT}`];
  await scenario.send("client", ...ends, "--token", "open sesame");
  await capture.waitForLine(/198\.51\.100\.2\.\d+ > 192\.0\.2\.1\.10001: \[no cksum\]/, PATIENCE);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.send("client", ...ends, "--token", "open sesame", "--checksum");
  await capture.waitForLine(/198\.51\.100\.2\.\d+ > 192\.0\.2\.1\.10001: \[udp sum ok\]/, PATIENCE);
  await server.waitForLine(/authenticated again/, PATIENCE);
});

Deno.test("--reply-on-auth-ok of a server with a key of its own is signed, as version 0.1 signs it", async () => {
  await using scenario = await Scenario.create({ direct: true });
  const [client, server] = [await makeKeys(), await makeKeys()];
  const keys = ["--auth-remote-pubkey-b64", client.publicKey, "--auth-key-b64", server.privateKey];
  await scenario.server(...keys, "--auth-secret", SECRET, "--reply-on-auth-ok");
  const ends = ["--from", "203.0.113.2:4444", "--to", `${ADDRESS.server}:${PORT}`];
  const payload = ["--key", client.privateKey, "--secret", SECRET, "--verify", server.publicKey];
  const exchange = ["/usr/bin/python3", "-B", STAND_IN, "exchange", ...ends, ...payload];
  const reply = await scenario.network.must("direct", exchange);
  const [source, hex, time] = reply.trim().split(" ");
  assert.equal(source, `${ADDRESS.server}:${PORT}`);
  assert.equal(hex!.length, 2 * 73);
  assert.ok(Math.abs(Number(time) - Date.now() / 1000) < PATIENCE / 1000, `the time in it is ${time}`);
});

Deno.test("a clock that is 60 s off is refused or borne, by --auth-max-time-discrepancy", async (t) => {
  await using scenario = await Scenario.create();
  const { ours, original } = (await schemes()).find(({ name }) => name === "ed25519")!;
  await t.step("a client's of version 0.1", async () => {
    const strict = await scenario.server("-vvv", ...ours.server, "--auth-max-time-discrepancy", "30");
    const client = await originalClient(scenario, ...original.client, "--clock", "60");
    await strict.waitForLine(/refused auth packet from \S+: time too far from ours/, PATIENCE);
    await strict.kill();
    const lenient = await scenario.server(...ours.server, "--auth-max-time-discrepancy", "90");
    client.signal("SIGUSR1");
    await lenient.waitForLine(/tunnel up/, PATIENCE);
    await scenario.ping("client");
    await Promise.all([lenient.kill(), client.kill()]);
  });
  await t.step("a server's of version 0.1", async () => {
    const off = [...original.server, "--clock", "60", "--max-time-discrepancy"];
    const strict = await originalServer(scenario, ...off, "30");
    const client = await scenario.client("client", ...ours.client);
    await strict.waitForLine(/^refused \S+: time$/, PATIENCE);
    await strict.kill();
    const lenient = await originalServer(scenario, ...off, "90");
    client.signal("SIGUSR1");
    await lenient.waitForLine(/^up /, PATIENCE);
    await scenario.ping("client");
  });
});
