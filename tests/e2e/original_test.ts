import assert from "node:assert/strict";
import { ADDRESS } from "../lab/network.ts";
import { originalClient, originalServer } from "./original.ts";
import { INNER, makeKeys, PATIENCE, PORT, Scenario } from "./scenario.ts";

const SECRET = "of both sides";

/** One scheme: a line of our TOML for either side, and the stand-in's arguments. */
interface Scheme {
  readonly name: string;
  readonly ours: { readonly server: string; readonly client: string };
  readonly original: { readonly server: string[]; readonly client: string[] };
}

function schemes(): Scheme[] {
  const client = makeKeys();
  const server = makeKeys();
  const token = "open sesame";
  const toml = `auth.token = "${token}"\n`;
  return [
    // No reload opens a server that asked for a proof.
    { name: "port", ours: { server: "", client: "" }, original: { server: [], client: [] } },
    {
      name: "token",
      ours: { server: toml, client: toml },
      original: { server: ["--token", token, "--reply"], client: ["--token", token] },
    },
    {
      name: "ed25519",
      ours: {
        server: `auth.remote-pubkey-b64 = "${client.publicKey}"\nauth.secret = "${SECRET}"\n`,
        client: `auth.key-b64 = "${client.privateKey}"\nauth.secret = "${SECRET}"\n`,
      },
      original: {
        server: ["--pubkey", client.publicKey, "--key", server.privateKey, "--secret", SECRET, "--reply"],
        client: ["--key", client.privateKey, "--secret", SECRET],
      },
    },
  ];
}

const OUR_SERVER = 'server = true\nnumber = 1\nfou.local = "@eth0"\nreply-on-auth-ok = true\n';
const OUR_CLIENT = `number = 1\nfou.local = "@eth0"\nfou.remote = "${ADDRESS.server}:${PORT}"\n` +
  `tunl.ip = "${INNER.client}"\n`;

async function pingBothWays(scenario: Scenario): Promise<void> {
  await scenario.ping("client", INNER.server);
  await scenario.ping("server", INNER.client);
}

Deno.test("a client reaches a server of version 0.1 through a NAT, and moves, with each scheme", async (t) => {
  await using scenario = await Scenario.create();
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  const file = await scenario.write("client.toml", OUR_CLIENT);
  const client = scenario.start("client", "--config", file);
  await client.waitForLine(/set up/, PATIENCE);
  for (const { name, ours, original } of schemes()) {
    await t.step(name, async () => {
      const server = await originalServer(scenario, ...original.server);
      await scenario.reload(client, "client.toml", OUR_CLIENT + ours.client);
      await server.waitForLine(/^up 198\.51\.100\.2:\d+$/, PATIENCE);
      await pingBothWays(scenario);
      await scenario.network.remapNat();
      client.signal("SIGUSR1");
      await server.waitForLine(/^moved 198\.51\.100\.2:2\d{4}$/, PATIENCE);
      await pingBothWays(scenario);
      assert.equal((await server.kill()).code, 0);
      assert.equal(await scenario.snapshot("server"), before.server);
    });
  }
  assert.equal((await client.kill()).code, 0);
  assert.equal(await scenario.snapshot("client"), before.client);
});

Deno.test("a client of version 0.1 is admitted through a NAT, and followed, with each scheme", async (t) => {
  await using scenario = await Scenario.create();
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  const server = scenario.start("server", "--config", await scenario.write("server.toml", OUR_SERVER));
  await server.waitForLine(/waiting for clients/, PATIENCE);
  for (const { name, ours, original } of schemes()) {
    await t.step(name, async () => {
      await scenario.reload(server, "server.toml", OUR_SERVER + ours.server);
      const client = await originalClient(scenario, ...original.client);
      await server.waitForLine(/(tunnel up|moved from \S+) to 198\.51\.100\.2:/, PATIENCE);
      await pingBothWays(scenario);
      await scenario.network.remapNat();
      client.signal("SIGUSR1");
      await server.waitForLine(/moved from \S+ to 198\.51\.100\.2:2\d{4}/, PATIENCE);
      await pingBothWays(scenario);
      assert.equal((await client.kill()).code, 0);
      assert.equal(await scenario.snapshot("client"), before.client);
    });
  }
  assert.equal((await server.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before.server);
});

Deno.test("auth packets with and without a UDP checksum pass a NAT and are accepted", async () => {
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

Deno.test("a server of version 0.1 whose clock is 60 s off refuses or accepts a client, by its own limit", async () => {
  await using scenario = await Scenario.create();
  const { ours, original } = schemes().find(({ name }) => name === "ed25519")!;
  const off = [...original.server, "--clock", "60", "--max-time-discrepancy"];
  const strict = await originalServer(scenario, ...off, "30");
  const client = scenario.start(
    "client",
    "--config",
    await scenario.write("c.toml", OUR_CLIENT + ours.client),
  );
  await strict.waitForLine(/^refused \S+: time$/, PATIENCE);
  await strict.kill();
  const lenient = await originalServer(scenario, ...off, "90");
  client.signal("SIGUSR1");
  await lenient.waitForLine(/^up /, PATIENCE);
  await scenario.ping("client");
});
