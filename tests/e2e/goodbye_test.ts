import assert from "node:assert/strict";
import { originalClient, originalServer } from "./original.ts";
import { eventually, INNER, IPIPOU, makeKeys, PATIENCE, Scenario } from "./scenario.ts";

const SECRET = "of both sides";
const REPLY = "--reply-on-auth-ok";

/** Where the server sends what is for its client; null: nowhere. */
async function farEnd({ network }: Scenario): Promise<string | null> {
  const link = await network.must("server", ["ip", "-d", "link", "show", "ipipou1"]);
  const [, remote = ""] = /\bremote (\S+) local/.exec(link)!;
  return remote.startsWith("0.") ? null : remote;
}

/** Waits until what is for the client goes nowhere. */
async function isParked(scenario: Scenario): Promise<void> {
  await eventually("data to it goes nowhere", async () => await farEnd(scenario) === null);
}

Deno.test("servers and clients say good-bye and hello, a silent client is told of, and version 0.1 takes no harm", async (t) => {
  await using scenario = await Scenario.create();
  const [ofServer, ofClient] = [makeKeys(), makeKeys()];
  const toml = [
    'server = true\nnumber = 1\nfou.local = "@eth0"\nreply-on-auth-ok = true\nverb = 1',
    `auth.key-b64 = "${ofServer.privateKey}"\nauth.remote-pubkey-b64 = "${ofClient.publicKey}"`,
    `auth.secret = "${SECRET}"\nsilent-after = 2\nkeepalive = 1\n`,
  ].join("\n");
  const startServer = async () => {
    const server = scenario.start("server", "--config", await scenario.write("server.toml", toml));
    await server.waitForLine(/waiting for clients/, PATIENCE);
    return server;
  };
  // So long a keepalive that nothing here is due to it.
  const startClient = () =>
    scenario.client(
      "client",
      ...["--auth-key-b64", ofClient.privateKey, "--auth-remote-pubkey-b64", ofServer.publicKey],
      ...["--auth-secret", SECRET, REPLY, "--keepalive", "3600"],
    );
  const first = await startServer();
  const client = await startClient();
  await t.step("a server that stops", async () => {
    await client.waitForLine(/accepted by/, PATIENCE);
    assert.equal((await first.kill()).code, 0);
    await client.waitForLine(/192\.0\.2\.1:10001: the server stops/, PATIENCE);
  });
  await t.step("a server of version 0.1, whose client stops", async () => {
    const keys = ["--pubkey", ofClient.publicKey, "--key", ofServer.privateKey, "--secret", SECRET];
    const original = await originalServer(scenario, ...keys, "--reply");
    await client.waitForLine(/accepted by/, PATIENCE);
    assert.equal((await client.kill()).code, 0);
    assert.doesNotMatch(original.lines.join("\n"), /refused|Error/);
    assert.equal((await original.kill()).code, 0);
  });
  const killed = await startServer();
  const another = await startClient();
  await another.waitForLine(/accepted by/, PATIENCE);
  await eventually("its place is written down", async () => {
    const { stdout } = await scenario.network.run("server", [
      "sh",
      "-c",
      `cat ${scenario.state}/*.places.json`,
    ]);
    return stdout.includes("198.51.100.2");
  });
  await killed.kill("SIGKILL");
  // Now there is nothing to take over, and nothing but the next run's hello leads the client to authenticate.
  await scenario.network.must("server", [IPIPOU, "cleanup", "-n1"]);
  const server = await startServer();
  await t.step("a server that starts", async () => {
    await another.waitForLine(/192\.0\.2\.1:10001: the server has started/, PATIENCE);
    await another.waitForLine(/accepted by/, PATIENCE);
    assert.equal(await farEnd(scenario), "198.51.100.2");
  });
  await t.step("a silent client", async () => {
    await server.waitForLine(/Warning: ipipou1: nothing came from 198\.51\.100\.2:\d+ for 2 s/, PATIENCE);
    const keepalive = ["-i", "eth0", "-c", "1", "udp src port 10001 and udp[4:2] = 9"];
    await scenario.network.must("client", ["tcpdump", ...keepalive]);
    await scenario.ping("client");
    await server.waitForLine(/ipipou1: heard again after \d+ s/, PATIENCE);
  });
  await t.step("the end of a lifetime", async () => {
    await scenario.reload(server, "server.toml", `${toml}auth.lifetime = 2\n`);
    await server.waitForLine(/ipipou1: its authentication has expired/, PATIENCE);
    await isParked(scenario);
    await scenario.reload(server, "server.toml", toml);
  });
  await t.step("a client that stops", async () => {
    another.signal("SIGUSR1");
    await server.waitForLine(/tunnel up/, PATIENCE);
    assert.equal((await another.kill()).code, 0);
    await server.waitForLine(/ipipou1: says good-bye/, PATIENCE);
    await isParked(scenario);
  });
  await t.step("a client of version 0.1, whose server stops", async () => {
    const original = await originalClient(scenario, "--key", ofClient.privateKey, "--secret", SECRET);
    await server.waitForLine(/tunnel up/, PATIENCE);
    await scenario.ping("server", INNER.client);
    assert.equal((await server.kill()).code, 0);
    assert.match(server.lines.join("\n"), /told 1 client that the server stops/);
    assert.equal((await original.kill()).code, 0);
  });
  assert.doesNotMatch(server.lines.join("\n"), /refused/);
});
