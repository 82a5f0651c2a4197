import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import { ADDRESS } from "../lab/network.ts";
import { eventually, INNER, PATIENCE, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];
/** Addresses of the two hosts in a network that others carry by plain IPIP on tunl0. */
const PODS = { server: "10.50.1.1", direct: "10.50.2.1" } as const;

/** Sets up plain IPIP on tunl0 from one host to the other, as Calico does. */
async function addPods(scenario: Scenario, host: "server" | "direct", far: "server" | "direct") {
  const lines = [
    "link set dev tunl0 up",
    `address add ${PODS[host]}/32 dev tunl0`,
    `route add ${PODS[far]}/32 via ${ADDRESS[far]} dev tunl0 onlink`,
  ];
  await scenario.network.must(host, ["ip", "-batch", "-"], { stdin: `${lines.join("\n")}\n` });
}

/** Packets that a host's tunl0 received. */
async function received(scenario: Scenario, host: Host): Promise<number> {
  const listing = await scenario.network.must(host, ["ip", "-j", "-s", "link", "show", "dev", "tunl0"]);
  return JSON.parse(listing)[0].stats64.rx.packets;
}

Deno.test("plain IPIP between two hosts with a tunnel goes to tunl0 if it is asked for, and is named if not", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  await addPods(scenario, "server", "direct");
  await addPods(scenario, "direct", "server");
  const arrives = async () => {
    const before = await Promise.all([received(scenario, "server"), received(scenario, "direct")]);
    await scenario.answers("direct", PODS.server);
    const after = await Promise.all([received(scenario, "server"), received(scenario, "direct")]);
    return after.map((count, index) => count > before[index]!);
  };
  assert.deepEqual(await arrives(), [true, true]);
  const tunnel = async (...more: string[]) => {
    const server = await scenario.server(...TOKEN, ...more);
    const client = await scenario.client("direct", ...TOKEN, "--reply-on-auth-ok", ...more);
    await server.waitForLine(/tunnel up/, PATIENCE);
    return { server, client };
  };
  await t.step("without the setting it is named at both ends", async () => {
    const { server, client } = await tunnel("--no-nft-counter");
    const warning = /Warning: tunl0 is up: plain IPIP .*--tunl-shared-ipip/;
    for (const { lines } of [server, client]) assert.ok(lines.some((line) => warning.test(line)));
    assert.deepEqual(await arrives(), [false, false]);
    await Promise.all([server.kill(), client.kill()]);
    assert.deepEqual(await arrives(), [true, true]);
  });
  await t.step("with the setting it goes to tunl0, and the tunnel works both ways", async () => {
    const { server, client } = await tunnel("--tunl-shared-ipip", "--reply-on-auth-ok");
    await scenario.ping("direct");
    await scenario.ping("server", INNER.client);
    assert.deepEqual(await arrives(), [true, true]);
    await client.waitForLine(/accepted by/, PATIENCE);
    const rules = `table inet fw {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iifname { "ipipou1", "lo" } accept
  }
}
`;
    await scenario.network.must("direct", ["nft", "-f", "-"], { stdin: rules });
    await eventually("a stateful firewall lets the tunnel in", () => scenario.answers("direct"));
    for (const process of [server, client]) assert.equal((await process.kill()).code, 0);
    for (const host of ["server", "direct"] as const) {
      const addresses = await scenario.network.must(host, ["ip", "-o", "-4", "address", "show", "dev", "lo"]);
      assert.deepEqual(addresses.match(/inet \S+/g), ["inet 127.0.0.1/8"]);
    }
  });
});
