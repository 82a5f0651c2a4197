import assert from "node:assert/strict";
import { originalClient, originalServer } from "./original.ts";
import { eventually, INNER, makeKeys, PATIENCE, Scenario } from "./scenario.ts";

const SECRET = ["--auth-secret", "of both sides"];
const REPLY = "--reply-on-auth-ok";
/** So long that nothing here is due to it. */
const KEEPALIVE = ["--keepalive", "3600"];

/** Where the server sends what is for its client; null: nowhere. */
async function farEnd({ network }: Scenario): Promise<string | null> {
  const link = await network.must("server", ["ip", "-d", "link", "show", "ipipou1"]);
  const [, remote = ""] = /\bremote (\S+) local/.exec(link)!;
  return remote.startsWith("0.") ? null : remote;
}

Deno.test("a client comes back at once when its server restarts, is told of when it is silent, and is shut out when it stops", async () => {
  await using scenario = await Scenario.create();
  const [ofServer, ofClient] = [makeKeys(), makeKeys()];
  const server = [
    ...["--auth-key-b64", ofServer.privateKey, "--auth-remote-pubkey-b64", ofClient.publicKey],
    ...SECRET,
    REPLY,
  ];
  const first = await scenario.server(...server);
  const client = await scenario.client(
    "client",
    ...["--auth-key-b64", ofClient.privateKey, "--auth-remote-pubkey-b64", ofServer.publicKey],
    ...[...SECRET, REPLY, ...KEEPALIVE],
  );
  await client.waitForLine(/accepted by/, PATIENCE);
  await scenario.ping("client");
  assert.equal((await first.kill()).code, 0);
  await client.waitForLine(/192\.0\.2\.1:10001: the server stops/, PATIENCE);
  const watch = ["--silent-after", "2", "--keepalive", "1"];
  const second = await scenario.server(...server, ...watch);
  await client.waitForLine(/192\.0\.2\.1:10001: the server has started/, PATIENCE);
  await client.waitForLine(/accepted by/, PATIENCE);
  await second.waitForLine(/Warning: ipipou1: nothing came from 198\.51\.100\.2:\d+ for 2 s/, PATIENCE);
  const keepalive = ["-i", "eth0", "-c", "1", "udp src port 10001 and udp[4:2] = 9"];
  await scenario.network.must("client", ["tcpdump", ...keepalive]);
  await scenario.ping("client");
  await second.waitForLine(/ipipou1: heard again after \d+ s/, PATIENCE);
  assert.equal(await farEnd(scenario), "198.51.100.2");
  assert.equal((await client.kill()).code, 0);
  await second.waitForLine(/ipipou1: says good-bye/, PATIENCE);
  await eventually("data to it goes nowhere", async () => await farEnd(scenario) === null);
  assert.doesNotMatch([...first.lines, ...second.lines].join("\n"), /refused/);
});

Deno.test("data to a client goes nowhere once its lifetime is over", async () => {
  await using scenario = await Scenario.create();
  const token = ["--auth-token", "open sesame"];
  const server = await scenario.server(...token, "--auth-lifetime", "5");
  const client = await scenario.client("client", ...token);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await client.kill("SIGKILL");
  await server.waitForLine(/ipipou1: its authentication has expired/, PATIENCE);
  await eventually("data to it goes nowhere", async () => await farEnd(scenario) === null);
  assert.equal((await server.kill()).code, 0);
});

Deno.test("good-byes and news do version 0.1 no harm, on either side", async (t) => {
  await using scenario = await Scenario.create();
  const keys = makeKeys();
  await t.step("a server of version 0.1, whose client restarts", async () => {
    const verified = ["--pubkey", keys.publicKey, "--secret", SECRET[1]!, "--reply"];
    const server = await originalServer(scenario, ...verified);
    const start = () =>
      scenario.client("client", "--auth-key-b64", keys.privateKey, ...SECRET, REPLY, ...KEEPALIVE);
    const client = await start();
    await server.waitForLine(/^up /, PATIENCE);
    await client.waitForLine(/accepted by/, PATIENCE);
    assert.equal((await client.kill()).code, 0);
    const again = await start();
    await scenario.ping("client");
    assert.equal((await again.kill()).code, 0);
    assert.doesNotMatch(server.lines.join("\n"), /refused|Error/);
    assert.equal((await server.kill()).code, 0);
  });
  await t.step("a client of version 0.1, whose server restarts", async () => {
    const verified = ["--auth-remote-pubkey-b64", keys.publicKey, ...SECRET, REPLY];
    const first = await scenario.server(...verified);
    const client = await originalClient(scenario, "--key", keys.privateKey, "--secret", SECRET[1]!);
    await first.waitForLine(/tunnel up/, PATIENCE);
    await scenario.ping("client");
    assert.equal((await first.kill()).code, 0);
    const second = await scenario.server("-v", ...verified);
    await second.waitForLine(/told 1 client that the server starts/, PATIENCE);
    client.signal("SIGUSR1");
    await second.waitForLine(/tunnel up/, PATIENCE);
    await scenario.ping("client");
    await scenario.ping("server", INNER.client);
    assert.equal((await client.kill()).code, 0);
  });
});
