import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import { eventually, makeKeys, PATIENCE, PORT, Scenario } from "./scenario.ts";

/** The UDP ports of a host's FOU listeners. */
async function portsOf(scenario: Scenario, host: Host): Promise<number[]> {
  const listed = await scenario.network.must(host, ["ip", "fou", "show"]);
  return Array.from(listed.matchAll(/port (\d+)/g), ([, port]) => Number(port));
}

/** Makes the NAT lose what matches, as one does whose entry for a flow leads nowhere. @returns how to end that */
async function lose(scenario: Scenario, match: string): Promise<() => Promise<string>> {
  const nft = (line: string) => scenario.network.must("nat", ["nft", line]);
  await nft("add table ip dead; add chain ip dead way { type filter hook prerouting priority -400; }");
  await nft(`add rule ip dead way ${match} drop`);
  return () => nft("delete table ip dead");
}

Deno.test("a client looks for a server that is silent", async (t) => {
  await using scenario = await Scenario.create();
  const { privateKey, publicKey } = makeKeys();
  const server = await scenario.server(
    ...["--fou-local-port", `${PORT},${PORT + 1}`, "--reply-on-auth-ok"],
    ...["--auth-remote-pubkey-b64", publicKey],
  );
  const start = async (...args: string[]) => {
    const client = await scenario.client(
      "client",
      ...["--keepalive", "2", "--auth-key-b64", privateKey],
      ...args,
    );
    await scenario.ping("client");
    return client;
  };
  await t.step("it goes to another UDP port where a NAT keeps a dead way, and stays there", async () => {
    const client = await start("--reply-on-auth-ok");
    const revive = await lose(scenario, `ip saddr 10.0.1.2 udp sport ${PORT}`);
    await client.waitForLine(/: going from UDP port 10001 to \d+, as a NAT may keep a dead way/, PATIENCE);
    await server.waitForLine(/moved from .* to /, PATIENCE);
    await scenario.ping("client");
    const [port, ...others] = await portsOf(scenario, "client");
    assert.ok(port! >= 49_152 && others.length === 0, String([port, ...others]));
    await revive();
    await client.kill("SIGTERM");
    assert.deepEqual(await portsOf(scenario, "client"), []);
  });
  await t.step("it goes on to the next server, by what comes out of the tunnel alone", async () => {
    const client = await start("-r", `192.0.2.1:${PORT},192.0.2.1:${PORT + 1}`, "--monitor-ping");
    const received = "/sys/class/net/ipipou1/statistics/rx_packets";
    const before = Number(await scenario.network.must("client", ["cat", received]));
    await eventually(
      "pings are answered, though nobody uses the tunnel",
      async () => Number(await scenario.network.must("client", ["cat", received])) > before + 3,
    );
    assert.ok(!client.lines.some((line) => line.includes("going")));
    const revive = await lose(scenario, `udp dport ${PORT}`);
    await client.waitForLine(/: going on to 192\.0\.2\.1:10002/, PATIENCE);
    await server.waitForLine(/moved from .* to /, PATIENCE);
    await scenario.ping("client");
    await revive();
  });
});
