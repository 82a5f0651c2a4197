import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { eventually, INNER, type Keys, makeKeys, PATIENCE, PORT, Scenario } from "./scenario.ts";

const TEXT = "open sesame";
const TOKEN = ["--auth-token", TEXT];
const REPLY = "--reply-on-auth-ok";
const ACCEPTED = /ipipou1: accepted by 192\.0\.2\.1:10001/;
const NO_REPLY =
  /Warning: ipipou1: no reply from 192\.0\.2\.1:10001: check whether it runs; whether UDP gets to that port/;

/** Lines of both sides' settings files: its own key with the secret, and the far side's key. */
async function keyed(scenario: Scenario): Promise<Record<"server" | "client", { own: string; far: string }>> {
  const [server, client] = [makeKeys(), makeKeys()];
  await scenario.write("secret", "of both sides");
  const side = async (name: string, { privateKey }: Keys, { publicKey }: Keys) => {
    await scenario.write(`${name}.key`, privateKey);
    return {
      own: `auth.key-file = "${name}.key"\nauth.secret-file = "secret"\n`,
      far: `auth.remote-pubkey-b64 = "${publicKey}"\n`,
    };
  };
  return { server: await side("server", server, client), client: await side("client", client, server) };
}

/** Writes these lines to a side's settings file. @returns the options that read it */
async function inFile(scenario: Scenario, name: string, { own, far }: { own: string; far: string }) {
  return ["--config", await scenario.write(`${name}.toml`, own + far)];
}

/** How many raw sockets for UDP are open on a host. These read replies. */
async function listeners(scenario: Scenario, host: Host): Promise<number> {
  const table = await scenario.network.must(host, ["cat", "/proc/net/raw"]);
  return table.split("\n").filter((line) => / [0-9A-F]{8}:0011 /.test(line)).length;
}

/** How often each thread of a process has gone to sleep so far. */
function sleeps({ pid }: Process): Map<string, number> {
  const threads = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => {
    const status = Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`);
    return [name, Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status)![1])] as const;
  });
  return new Map(threads);
}

Deno.test("a client behind a NAT learns that it is accepted, if it asks, and goes on listening", async (t) => {
  await using scenario = await Scenario.create();
  const keys = await keyed(scenario);
  const base = `number = 1\nfou.local = "@eth0"\n`;
  const ofServer = `${base}server = true\nreply-on-auth-ok = true\n`;
  const ofClient = `${base}fou.remote = "192.0.2.1:${PORT}"\ntunl.ip = "${INNER.client}"\n`;
  const token = `auth.token = "${TEXT}"\n`;
  const server = await scenario.server(
    "--config",
    await scenario.write("server.toml", `${ofServer}${token}`),
  );
  const client = await scenario.client(
    "client",
    "--config",
    await scenario.write("client.toml", `${ofClient}${token}`),
  );
  await t.step("without --reply-on-auth-ok it neither listens nor retries", async () => {
    await server.waitForLine(/tunnel up/, PATIENCE);
    assert.equal(await listeners(scenario, "client"), 0);
    await scenario.ping("client");
    assert.doesNotMatch(client.lines.join("\n"), /accepted|no reply/);
  });
  const cases = [
    { name: "by the token backwards", server: token, client: token },
    {
      name: "by the server's signature",
      server: keys.server.own + keys.server.far,
      client: keys.client.own + keys.client.far,
    },
    {
      name: "by the signed packet backwards",
      server: `auth.secret-file = "secret"\n${keys.server.far}`,
      client: keys.client.own,
    },
  ];
  for (const { name, server: proofOfServer, client: proofOfClient } of cases) {
    await t.step(name, async () => {
      await scenario.reload(server, "server.toml", `${ofServer}${proofOfServer}`);
      await scenario.reload(client, "client.toml", `${ofClient}reply-on-auth-ok = true\n${proofOfClient}`);
      await client.waitForLine(ACCEPTED, PATIENCE);
      await eventually("it has one socket", async () => await listeners(scenario, "client") === 1);
      await scenario.ping("client");
    });
  }
  assert.deepEqual([await client.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
  assert.doesNotMatch(client.lines.join("\n"), /Error/);
});

Deno.test("a flood of data packets of a reply's length does not wake a client that listens", async () => {
  await using scenario = await Scenario.create();
  const keys = await keyed(scenario);
  const server = await scenario.server(...await inFile(scenario, "server", keys.server));
  const client = await scenario.client("client", ...await inFile(scenario, "client", keys.client), REPLY);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await client.waitForLine(NO_REPLY, PATIENCE);
  await scenario.ping("client");
  const before = sleeps(client);
  // The answer to a ping of 45 bytes is, with its headers, an inner packet of 73 bytes.
  const pings = await scenario.network.must("client", ["ping", "-f", "-c2000", "-s45", INNER.server]);
  const after = sleeps(client);
  assert.match(pings, /2000 received/);
  assert.ok(await listeners(scenario, "client") > 0, "nobody listened");
  const woken = [...after].reduce((sum, [thread, count]) => sum + count - (before.get(thread) ?? 0), 0);
  assert.ok(woken < 200, `${woken} times`);
  assert.doesNotMatch(client.lines.join("\n"), /ignored a reply/);
});

Deno.test("a reload finds a recreated device: replies and the tunnel leave by it", async () => {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  const server = await scenario.server(...TOKEN, REPLY);
  const client = await scenario.client("client", ...TOKEN, REPLY);
  await client.waitForLine(ACCEPTED, PATIENCE);
  const remake = [
    "link delete eth0",
    `link add eth0 type veth peer name server netns ${network.ns("router")}`,
    "address add 192.0.2.1/24 dev eth0",
    "link set dev eth0 addrgenmode none up",
    "route add default via 192.0.2.254",
  ];
  const other = ["address add 192.0.2.254/24 dev server", "link set dev server addrgenmode none up"];
  await network.must("server", ["ip", "-batch", "-"], { stdin: `${remake.join("\n")}\n` });
  await network.must("router", ["ip", "-batch", "-"], { stdin: `${other.join("\n")}\n` });
  server.signal("SIGHUP");
  await server.waitForLine(/reload: no setting changed/, PATIENCE);
  client.signal("SIGUSR1");
  await client.waitForLine(ACCEPTED, PATIENCE);
  await scenario.ping("client");
});
