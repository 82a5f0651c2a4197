import assert from "node:assert/strict";
import { KernelNews } from "../../ffi/kernel_news.ts";
import { must } from "../../tools/command.ts";
import type { Process } from "../lab/process.ts";
import { INNER, PATIENCE, Scenario } from "./scenario.ts";

/** A look at everything, and at the FOU ports alone. */
const [ALL, FOU] = [["address show", "fou show", "route show"], ["fou show"]];

const SETTINGS = `server = true
number = 1
routes = ["10.77.0.0/16"]
[fou]
local = "@eth0"
[auth]
token = "open sesame"
[tunl]
ip = "${INNER.server}"
peer-ip = "${INNER.client}"
`;

/** Has a server read settings. @returns what it asked `ip` meanwhile */
async function reload(scenario: Scenario, server: Process, settings = SETTINGS): Promise<string[]> {
  const lines = await scenario.give(server, "server.toml", settings);
  return lines.flatMap((line) => / ip -json -details (.*)/.exec(line)?.[1] ?? []);
}

/** What a server's kernel has, but for the numbers that devices have there. */
async function stateOf(scenario: Scenario): Promise<string> {
  const snapshot = await scenario.snapshot("server");
  return snapshot.replace(/^\d+: /gm, "");
}

Deno.test("a reload looks at nothing but the FOU ports until others change something, and makes that good", async (t) => {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  const config = await scenario.write("server.toml", SETTINGS);
  const server = scenario.start("server", "--config", config);
  await server.waitForLine(/waiting for clients/, PATIENCE);
  const client = await scenario.client("client", "--auth-token", "open sesame");
  await scenario.ping("client");
  assert.deepEqual(await reload(scenario, server), FOU);
  const standing = await stateOf(scenario);

  await t.step("our own changes are nothing to look at", async () => {
    for (const [from, to] of [["10.77.0.0/16", "10.78.0.0/16"], [INNER.server, "172.28.0.8"]] as const) {
      for (const text of [SETTINGS.replace(from, to), SETTINGS]) {
        assert.deepEqual(await reload(scenario, server, text), FOU, to);
      }
    }
    assert.deepEqual(await reload(scenario, server), FOU);
    assert.equal(await stateOf(scenario), standing);
  });

  const changes: Record<string, string> = {
    "a device that is down": "ip link set dev ipipou1 down",
    "a device that leads elsewhere": "ip tunnel change ipipou1 mode ipip remote 198.51.100.9 local 192.0.2.1",
    "a device that is gone": "ip link delete dev ipipou1",
    "an address that is gone": `ip address flush dev ipipou1`,
    "a route that is gone": "ip route delete 10.77.0.0/16 dev ipipou1",
    "a FOU port that is gone": "ip fou del port 10001 ipproto 4 local 192.0.2.1 dev eth0",
    "an element that is gone": "nft flush map ip ipipou remotes-ipipou1",
    "a rule that is gone": "nft flush chain ip ipipou gate-ipipou1",
    "no nftables at all": "nft flush ruleset",
  };
  for (const [what, change] of Object.entries(changes)) {
    await t.step(what, async () => {
      await network.must("server", change.split(" "));
      assert.notEqual(await stateOf(scenario), standing);
      assert.deepEqual(await reload(scenario, server), change.startsWith("ip fou") ? FOU : ALL);
      assert.equal(await stateOf(scenario), standing);
      assert.deepEqual(await reload(scenario, server), FOU);
    });
  }
  await scenario.ping("client");
  await Promise.all([client.kill(), server.kill()]);
});

Deno.test("KernelNews hears of devices, addresses and routes, and counts what happens to the nftables", async () => {
  using news = KernelNews.open(true);
  const name = "news0";
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => void await must(["ip", "link", "delete", "dev", name]));
  const before = news.generation()!;
  await must(["ip", "-batch", "-"], {
    stdin: `link add name ${name} type dummy
address add 10.99.0.1/24 dev ${name}
link set dev ${name} up
route add 10.98.0.0/16 dev ${name} proto 201
`,
  });
  await must(["nft", "add table ip news; delete table ip news"]);
  const changes = news.changes();
  const told = new Set(changes.map((change) => JSON.stringify(change)));
  const expected = [{ kind: "device", name }, { kind: "address", ip: "10.99.0.1" }, {
    kind: "route",
    protocol: 201,
  }];
  assert.deepEqual(expected.filter((change) => !told.has(JSON.stringify(change))), []);
  assert.ok(news.generation()! > before);
});
