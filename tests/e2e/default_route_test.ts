import assert from "node:assert/strict";
import { ADDRESS } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { eventually, INNER, PATIENCE, PORT, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame", "--reply-on-auth-ok"];
const ALL = ["--routes", "0.0.0.0/0"];
/** A host that only the server may send to. */
const ELSEWHERE = ADDRESS.direct;

/** Makes a router of the server, and has the client's uplink carry nothing but what goes to the server. */
async function forward({ network }: Scenario): Promise<void> {
  const masquerade = `table ip nat {
    chain postrouting {
      type nat hook postrouting priority srcnat
      iifname ipipou1 oifname eth0 masquerade
    }
  }`;
  const on = "echo 1 > /proc/sys/net/ipv4/ip_forward; nft -f -";
  await network.must("server", ["sh", "-ec", on], { stdin: masquerade });
  const uplink = `table ip uplink {
    chain forward {
      type filter hook forward priority filter
      iifname nat ip daddr != ${ADDRESS.server} counter drop
    }
  }`;
  await network.must("router", ["nft", "-f", "-"], { stdin: uplink });
}

/** How many packets the client's uplink was to carry that were for others than the server. */
async function strays({ network }: Scenario): Promise<number> {
  const rules = await network.must("router", ["nft", "list", "table", "ip", "uplink"]);
  return Number(/counter packets (\d+)/.exec(rules)![1]);
}

async function authenticateAgain(client: Process): Promise<void> {
  const count = () => client.lines.filter((line) => /accepted by/.test(line)).length;
  const before = count();
  client.signal("SIGUSR1");
  await eventually("the server has replied again", () => count() > before);
}

Deno.test("all that a client sends goes through the tunnel, which itself goes on by the uplink", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const ip = (words: string) => scenario.network.must("client", ["ip", ...words.split(" ")]);
  await forward(scenario);
  await scenario.server(...TOKEN);
  const readdress = async (from: string, to: string) => {
    await ip(`address delete ${from}/24 dev eth0`);
    await ip(`address add ${to}/24 dev eth0`);
    await ip("route add default via 10.0.1.1 dev eth0");
  };
  const connect = async (words: readonly string[]) => {
    const remote = ["-r", `${ADDRESS.server}:${PORT}`, "--tunl-ip", INNER.client];
    const client = scenario.start("client", "-n1", ...words, ...remote, ...TOKEN, ...ALL);
    await client.waitForLine(/accepted by/, PATIENCE);
    await scenario.ping("client", ELSEWHERE);
    return client;
  };
  assert.equal(await scenario.answers("client", ELSEWHERE), false);
  const straysBefore = await strays(scenario);
  assert.ok(straysBefore > 0);
  const before = await scenario.snapshot("client");
  await t.step(
    "a device leads its own packets past the tunnel, whatever DHCP does to the host's route",
    async () => {
      const client = await connect(["-b", "@eth0"]);
      assert.match(await ip("route show default"), /^default via 10\.0\.1\.1 dev eth0/);
      assert.match(await ip(`route get ${ADDRESS.server}`), / dev ipipou1 /);
      await scenario.ping("client", ADDRESS.server);
      await ip("route replace default via 10.0.1.1 dev eth0 proto dhcp");
      await authenticateAgain(client);
      await scenario.ping("client", ELSEWHERE);
      await ip("route delete default");
      await ip("route add default via 10.0.1.1 dev eth0");
      await authenticateAgain(client);
      await scenario.ping("client", ELSEWHERE);
      await readdress("10.0.1.2", "10.0.1.7");
      await client.waitForLine(/changed from 10\.0\.1\.2 to 10\.0\.1\.7: following it/, PATIENCE);
      await eventually("data passes from the new address", () => scenario.answers("client", ELSEWHERE));
      await readdress("10.0.1.7", "10.0.1.2");
      await client.waitForLine(/changed from 10\.0\.1\.7 to 10\.0\.1\.2: following it/, PATIENCE);
      assert.equal((await client.kill()).code, 0);
    },
  );
  assert.equal(await scenario.snapshot("client"), before);
  await t.step("so do a mark and a rule", async () => {
    await ip("route add default via 10.0.1.1 dev eth0 table 102");
    await ip("rule add fwmark 0x66 lookup 102");
    const client = await connect(["--fou-mark", "0x66"]);
    await authenticateAgain(client);
    assert.equal((await client.kill()).code, 0);
    await ip("rule delete fwmark 0x66");
  });
  await t.step("a mark without a rule, or nothing, is refused", async () => {
    const remote = ["-r", `${ADDRESS.server}:${PORT}`, "--tunl-ip", INNER.client];
    for (
      const [words, why] of [
        [["-b", ADDRESS.client], /Cannot use 0\.0\.0\.0\/0 as --routes: .*@DEVICE/],
        [
          ["-b", ADDRESS.client, "--fou-mark", "0x66"],
          /Cannot make the tunnel to .*--fou-local 10\.0\.1\.2@eth0/,
        ],
      ] as const
    ) {
      const { code, stderr } = await scenario.command("client", "-n1", ...words, ...remote, ...TOKEN, ...ALL);
      assert.notEqual(code, 0);
      assert.match(stderr, why);
    }
  });
  assert.equal(await scenario.snapshot("client"), before);
  assert.equal(await strays(scenario), straysBefore);
});
