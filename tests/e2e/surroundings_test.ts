import assert from "node:assert/strict";
import { INNER, PATIENCE, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];

/** What a home router's ruleset does: masquerades what leaves, drops what nobody asked for. */
const HOME_ROUTER = `table ip home {
  chain input {
    type filter hook input priority 0; policy drop;
    iifname lo accept
    ct state established,related accept
    ct state invalid drop
    iifname "ipipou*" accept
    udp dport 10001 ct state new accept
  }
  chain postrouting {
    type nat hook postrouting priority 100
    oifname eth0 masquerade
  }
}
`;

Deno.test("the gate needs no connection tracking and starts none", async () => {
  await using scenario = await Scenario.create();
  const server = await scenario.server(...TOKEN);
  await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  assert.equal((await scenario.network.must("server", ["conntrack", "-C"])).trim(), "0");
});

for (const alt of [[], ["--force-fou-local-ip-alt"]]) {
  const name = alt.length === 0 ? "the main" : "a private";
  Deno.test(`beside a masquerading, stateful, default-drop ruleset, with ${name} local address`, async () => {
    await using scenario = await Scenario.create();
    await scenario.network.must("server", ["nft", "-f", "-"], { stdin: HOME_ROUTER });
    const before = await scenario.snapshot("server");
    const server = await scenario.server(...TOKEN, ...alt);
    await scenario.client("client", ...TOKEN);
    await server.waitForLine(/tunnel up/, PATIENCE);
    await scenario.ping("client");
    await scenario.network.must("server", ["ping", "-c1", "-w30", INNER.client]);
    assert.equal((await server.kill()).code, 0);
    assert.equal(await scenario.snapshot("server"), before);
  });
}

Deno.test("UDP checksums of data are as asked for", async (t) => {
  await using scenario = await Scenario.create();
  for (const [flag, word] of [["--encap-csum", "encap-csum"], ["--no-encap-csum", "noencap-csum"]] as const) {
    await t.step(flag, async () => {
      const server = await scenario.server(...TOKEN, flag);
      const client = await scenario.client("client", ...TOKEN, flag);
      await server.waitForLine(/tunnel up/, PATIENCE);
      await scenario.ping("client");
      for (const host of ["server", "client"] as const) {
        const device = await scenario.network.must(host, ["ip", "-d", "link", "show", "dev", "ipipou1"]);
        assert.match(device, new RegExp(` ${word} `));
      }
      await Promise.all([server.kill(), client.kill()]);
    });
  }
});
