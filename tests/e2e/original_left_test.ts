import assert from "node:assert/strict";
import type { Process } from "../lab/process.ts";
import { originalClient, originalServer } from "./original.ts";
import { INNER, PATIENCE, Scenario } from "./scenario.ts";

const TOKEN = ["--token", "open sesame"];
const OURS = ["--auth-token", "open sesame"];

/** The chains that version 0.1 makes and never removes. */
const CHAINS = `add table ip ipipou
add chain ip ipipou nat-prerouting { type nat hook prerouting priority -42; }
add chain ip ipipou nfq { type nat hook prerouting priority -41; }
add chain ip ipipou nat-postrouting { type nat hook postrouting priority -42; }
`;
/** A nat chain sees packets only if something tracks connections, as any stateful firewall does. */
const STATEFUL = `add table ip home
add chain ip home input { type filter hook input priority 0; }
add rule ip home input ct state established accept
`;
/** The rule that a server leaves whether it is stopped or killed. */
const QUEUE_RULE =
  'add rule ip ipipou nfq iifname "eth0" ip daddr 192.0.2.1 udp dport 10001 counter queue num 1 bypass\n';
/** The rules that it also leaves when it is killed while its client has the private address. */
const NAT_RULES =
  `add rule ip ipipou nat-prerouting iifname "eth0" ip daddr 192.0.2.1 udp dport 10001 ip saddr 198.51.100.2 udp sport 10001 counter dnat to 172.29.0.1
add rule ip ipipou nat-postrouting oifname "eth0" ip saddr 172.29.0.1 udp sport 10001 counter snat to 192.0.2.1
`;
/** Rules of another server of version 0.1, which may still run. */
const OTHER_RULES = `add rule ip ipipou nfq ip daddr 192.0.2.1 udp dport 10002 queue num 2 bypass
add rule ip ipipou nat-prerouting ip daddr 192.0.2.1 udp dport 10002 ip saddr 198.51.100.2 udp sport 10002 dnat to 172.29.0.2
add rule ip ipipou nat-postrouting ip saddr 172.29.0.2 udp sport 10002 snat to 192.0.2.1
`;
const FOU_PORT = "fou add port 10001 ipproto 4 local 192.0.2.1 dev eth0\n";

/** Runs the commands that a log says to run, and nothing else. */
async function runSuggestedCommands(
  scenario: Scenario,
  host: "server" | "client",
  { lines }: Process,
): Promise<void> {
  const commands = lines.flatMap((line) => /Warning: .*remove (?:it|them): (.*)$/.exec(line)?.[1] ?? []);
  assert.equal(commands.length, 1, lines.join("\n"));
  await scenario.network.must(host, ["sh", "-ec", commands[0]!]);
}

async function nft(scenario: Scenario, rules: string): Promise<void> {
  await scenario.network.must("server", ["nft", "-f", "-"], { stdin: rules });
}

Deno.test("the queue rule that a stopped server of version 0.1 leaves takes no data", async () => {
  await using scenario = await Scenario.create();
  await nft(scenario, STATEFUL);
  const before = await scenario.snapshot("server");
  await nft(scenario, CHAINS);
  const expected = await scenario.snapshot("server");
  await nft(scenario, QUEUE_RULE);
  const server = await scenario.server(...OURS);
  await scenario.client("client", ...OURS);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  assert.equal((await server.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), expected);
  await runSuggestedCommands(scenario, "server", server);
  await scenario.network.must("server", ["nft", "delete", "table", "ip", "ipipou"]);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("a server takes over everything from a killed one of version 0.1 but its FOU port and chains", async () => {
  await using scenario = await Scenario.create();
  await nft(scenario, CHAINS + OTHER_RULES);
  const before = await scenario.snapshot("server");
  await scenario.network.must("server", ["ip", "-batch", "-"], { stdin: FOU_PORT });
  const expected = await scenario.snapshot("server");
  await scenario.network.must("server", ["ip", "-batch", "-"], { stdin: FOU_PORT.replace("add", "del") });
  assert.equal(await scenario.snapshot("server"), before);
  await nft(scenario, QUEUE_RULE + NAT_RULES);
  const original = await originalServer(scenario, ...TOKEN);
  const client = await originalClient(scenario, ...TOKEN);
  await original.waitForLine(/^up /, PATIENCE);
  await original.kill("SIGKILL");
  const server = await scenario.server(...OURS);
  assert.match(server.lines.join("\n"), /taking over the tunnel to 198\.51\.100\.2:10001/);
  await scenario.network.must("server", ["conntrack", "-F"]);
  await scenario.ping("client");
  await scenario.move(client, server);
  await scenario.ping("client");
  assert.equal((await server.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), expected);
  await runSuggestedCommands(scenario, "server", server);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("a client takes over everything from a killed one of version 0.1 but its FOU port", async () => {
  await using scenario = await Scenario.create();
  const before = await scenario.snapshot("client");
  const server = await originalServer(scenario, ...TOKEN);
  const original = await originalClient(scenario, ...TOKEN);
  await server.waitForLine(/^up /, PATIENCE);
  await original.kill("SIGKILL");
  const client = await scenario.client("client", ...OURS);
  await scenario.ping("client", INNER.server);
  assert.match(
    await scenario.network.must("client", ["ip", "-d", "link", "show", "dev", "ipipou1"]),
    / ttl 64 /,
  );
  assert.equal((await client.kill()).code, 0);
  assert.doesNotMatch(await scenario.network.must("client", ["ip", "link"]), /ipipou1/);
  const fou = await scenario.network.must("client", ["ip", "fou", "show"]);
  assert.match(fou, /^port 10001 ipproto 4 local 10\.0\.1\.2 dev eth0 *\n$/);
  await runSuggestedCommands(scenario, "client", client);
  assert.equal(await scenario.snapshot("client"), before);
});

Deno.test("a server of version 0.1 that runs keeps its rules when ours cannot start beside it", async () => {
  await using scenario = await Scenario.create();
  await scenario.start("server", "-s", "-n2", "-q1", "-b@eth0", ...OURS).waitForLine(/waiting/, PATIENCE);
  await nft(scenario, CHAINS + QUEUE_RULE + NAT_RULES);
  const before = await scenario.snapshot("server");
  const late = scenario.start("server", "-s", "-n1", "-b@eth0", ...OURS);
  assert.equal((await late.exit).code, 20);
  assert.equal(await scenario.snapshot("server"), before);
});
