import assert from "node:assert/strict";
import type { Process } from "../lab/process.ts";
import { endUnharmed } from "../lab/pings.ts";
import { changesIn, eventually, INNER, PATIENCE, PORT, Scenario } from "./scenario.ts";

/** The tables of a settings file, by name; "" is what precedes the first table. */
type Tables = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

function toml(tables: Tables): string {
  const lines = ([name, values]: [string, Tables[string]]) => [
    ...(name === "" ? [] : [`[${name}]`]),
    ...Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
  ];
  return Object.entries(tables).flatMap(lines).map((line) => `${line}\n`).join("");
}

const SERVER = {
  "": { server: true, number: 1 },
  fou: { local: "@eth0" },
  auth: { token: "open sesame" },
} as const;
const CLIENT = {
  "": { number: 1 },
  fou: { local: "@eth0", remote: `192.0.2.1:${PORT}` },
  tunl: { ip: INNER.client },
  auth: { token: "open sesame" },
} as const;

/** Starts a server and a client with settings files, and waits for the tunnel. */
async function start(scenario: Scenario, server: Tables = SERVER, client: Tables = CLIENT) {
  const serverFile = await scenario.write("server.toml", toml(server));
  const clientFile = await scenario.write("client.toml", toml(client));
  const serverProcess = scenario.start("server", "--config", serverFile);
  await serverProcess.waitForLine(/waiting for clients/, PATIENCE);
  const clientProcess = scenario.start("client", "--config", clientFile);
  await serverProcess.waitForLine(/tunnel up/, PATIENCE);
  return { server: serverProcess, client: clientProcess };
}

/** Reloads one side with a new file. @returns the log lines of the reload, up to the one that ends it */
async function reload(
  scenario: Scenario,
  [name, process]: readonly ["server" | "client", Process],
  tables: Tables | string,
  end?: RegExp,
): Promise<string[]> {
  return await scenario.reload(
    process,
    `${name}.toml`,
    typeof tables === "string" ? tables : toml(tables),
    end,
  );
}

Deno.test("a reload that replaces rules loses none of many packets", async () => {
  await using scenario = await Scenario.create();
  const { server } = await start(scenario);
  const flood = scenario.network.spawn("client", ["ping", "-i0.002", INNER.server]);
  await flood.waitForLine(/icmp_seq=100 /, PATIENCE);
  // A map that goes with its rules costs one packet in some ten of these, here.
  for (const counter of Array.from({ length: 40 }, (_, index) => index % 2 === 1)) {
    const lines = await reload(
      scenario,
      ["server", server],
      { ...SERVER, nft: { counter } },
      /counter changed/,
    );
    assert.ok(lines.some((line) => line.includes("flush chain")), "rules are replaced");
  }
  await endUnharmed(flood);
});

Deno.test("a reload that does not concern the tunnel loses no packet and runs no needless command", async (t) => {
  await using scenario = await Scenario.create();
  const { server, client } = await start(scenario);
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  const flood = scenario.network.spawn("client", ["ping", "-i0.1", INNER.server]);
  await flood.waitForLine(/icmp_seq=3 /, PATIENCE);
  const top = (fields: Tables[string]) => ({ ...SERVER, "": { ...SERVER[""], ...fields } });
  const auth = (fields: Tables[string]) => ({ ...SERVER, auth: { ...SERVER.auth, ...fields } });

  await t.step("the same settings: no command at all", async () => {
    for (const [side, tables] of [[["server", server], SERVER], [["client", client], CLIENT]] as const) {
      const lines = await reload(scenario, side, tables);
      assert.match(lines.join("\n"), /reload: no setting changed/);
      assert.deepEqual(changesIn(lines), []);
    }
    await server.waitForLine(/authenticated again/, PATIENCE);
  });
  await t.step("the counter and the queue's number: one transaction of nft", async () => {
    const uncounted = { ...SERVER, nft: { counter: false } };
    const counter = await reload(
      scenario,
      ["server", server],
      uncounted,
      /nft\.counter changed from on to off/,
    );
    assert.doesNotMatch(await scenario.snapshot("server"), /counter/);
    const queue = await reload(
      scenario,
      ["server", server],
      top({ "queue-number": 7 }),
      /queue-number changed/,
    );
    for (const lines of [counter, queue]) assert.ok(changesIn(lines).every((line) => / nft '/.test(line)));
    const queues = await scenario.network.must("server", ["cat", "/proc/net/netfilter/nfnetlink_queue"]);
    assert.match(queues, /^ *7 /);
    assert.doesNotMatch(queues, /^ *1 /m);
    client.signal("SIGUSR1");
    await server.waitForLine(/authenticated again/, PATIENCE);
  });
  await t.step("the lifetime: in effect from the reload on, then unlimited again", async () => {
    const lines = await reload(scenario, ["server", server], auth({ lifetime: 3600 }), /lifetime changed/);
    assert.ok(changesIn(lines).every((line) => / nft '/.test(line)));
    assert.match(await scenario.snapshot("server"), /198\.51\.100\.2 \. 10001 \. 10001 timeout (1h|59m)/);
    await reload(scenario, ["server", server], SERVER, /lifetime changed/);
    assert.equal(await scenario.snapshot("server"), before.server);
  });
  await t.step(
    "a file without the client's token, or with a secret alone: refused, and nothing is open",
    async () => {
      const refused = /going on with the settings as they were/;
      await reload(scenario, ["server", server], { ...SERVER, auth: {} }, refused);
      await reload(scenario, ["server", server], { ...SERVER, auth: { secret: "s" } }, refused);
      await reload(scenario, ["server", server], SERVER);
      assert.equal(await scenario.snapshot("server"), before.server);
    },
  );
  await endUnharmed(flood);
  assert.equal(await scenario.snapshot("client"), before.client);
  assert.deepEqual([await client.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
});

Deno.test("a reload that the kernel refuses is rolled back", async () => {
  await using scenario = await Scenario.create();
  const before = await scenario.snapshot("server");
  const { server } = await start(scenario);
  await scenario.ping("client");
  const standing = await scenario.snapshot("server");
  const bind =
    "import signal, socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('192.0.2.1', 7777)); " +
    "print('bound', flush=True); signal.pause()";
  await scenario.network.spawn("server", ["/usr/bin/python3", "-c", bind]).waitForLine(/bound/, PATIENCE);
  const tables = { ...SERVER, fou: { local: ":7777@eth0" } };
  await reload(scenario, ["server", server], tables, /fou add port 7777.*going on with the settings/);
  await eventually("the old state is back", async () => await scenario.snapshot("server") === standing);
  await scenario.ping("client");
  assert.equal((await server.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("a new inner address and port take effect on both sides, and nothing is left of the old ones", async (t) => {
  await using scenario = await Scenario.create();
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  const { server, client } = await start(scenario);
  await scenario.ping("client");
  const [ip, peerIp] = ["172.30.0.1", "172.30.0.2"];
  const [ofServer, ofClient] = [{ ...SERVER, tunl: { ip } }, { ...CLIENT, tunl: { ip: peerIp } }];
  await t.step("the address, on the existing tunnel", async () => {
    const index = () => scenario.network.must("server", ["cat", "/sys/class/net/ipipou1/ifindex"]);
    const first = await index();
    await reload(scenario, ["server", server], ofServer);
    await reload(scenario, ["client", client], ofClient);
    await scenario.ping("client", ip);
    await scenario.ping("server", peerIp);
    assert.equal(await scenario.answers("client", INNER.server), false);
    assert.equal(await index(), first);
  });
  await t.step("the port, for gate, FOU port and tunnel", async () => {
    await reload(scenario, ["server", server], { ...ofServer, fou: { local: ":10005@eth0" } });
    const moved = { ...ofClient, fou: { local: ":10006@eth0", remote: "192.0.2.1:10005" } };
    await reload(scenario, ["client", client], moved, /fou\.remote-port changed/);
    await server.waitForLine(/tunnel up to 198\.51\.100\.2:10006/, PATIENCE);
    await scenario.ping("client", ip);
    for (const host of ["server", "client"] as const) {
      assert.doesNotMatch(await scenario.network.must(host, ["ip", "fou", "show"]), /10001/);
    }
    assert.doesNotMatch(await scenario.network.must("server", ["nft", "list", "ruleset"]), /dport 10001/);
  });
  assert.deepEqual([await client.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
  assert.equal(await scenario.snapshot("server"), before.server);
  assert.equal(await scenario.snapshot("client"), before.client);
});
