import assert from "node:assert/strict";
import { ADDRESS } from "../lab/network.ts";
import { INNER, PATIENCE, PORT, Scenario } from "./scenario.ts";

const OFFICE = { ip: "172.28.16.2", token: "a token of the office's own" };
const HOME = { ip: "172.28.16.3", token: "a token of the home's own" };
/** An address in the network behind the office. */
const BEHIND = "10.77.0.1";

/** @param more lines for the peer "home" */
const hubWith = (more: string) => `
server = true
reply-on-auth-ok = true
[fou]
local = "@eth0"
local-port = ${PORT}
[tunl]
net = "172.28.16.0/20"
[[peer]]
name = "office"
tunl.peer-ip = "${OFFICE.ip}"
auth.token = "${OFFICE.token}"
routes = ["10.77.0.0/16"]
[[peer]]
name = "home"
tunl.peer-ip = "${HOME.ip}"
auth.token = "${HOME.token}"
${more}
`;

/** As the manual says: from tunnel to tunnel, and nothing else. */
const FIREWALL = `table ip firewall {
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname { "office", "home" } oifname { "office", "home" } accept
  }
}`;

Deno.test("a hub's clients reach each other and the networks behind them, once the hub forwards", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const { network } = scenario;
  const hub = scenario.start("server", "--config", await scenario.write("hub.toml", hubWith("")));
  await hub.waitForLine(/waiting for clients at/, PATIENCE);
  const connect = async (host: "client" | "direct", { ip, token }: typeof HOME, routes: string) => {
    const remote = ["-r", `${ADDRESS.server}:${PORT}`, "--tunl-ip", ip, "--tunl-peer-ip", "172.28.16.1"];
    const words = ["-n1", "-b@eth0", ...remote, "--auth-token", token, "--routes", routes];
    const client = scenario.start(host, ...words, "--reply-on-auth-ok");
    await client.waitForLine(/accepted by/, PATIENCE);
  };
  await connect("client", OFFICE, "172.28.16.0/20");
  await connect("direct", HOME, "172.28.16.0/20,10.77.0.0/16");
  await network.must("client", ["ip", "address", "add", BEHIND, "dev", "lo"]);
  await network.must("server", ["nft", "-f", "-"], { stdin: FIREWALL });
  await t.step("not before", async () => {
    await scenario.ping("client", "172.28.16.1");
    assert.equal(await scenario.answers("direct", OFFICE.ip), false);
  });
  await network.must("server", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
  await scenario.ping("direct", OFFICE.ip);
  await scenario.ping("client", HOME.ip);
  await scenario.ping("direct", BEHIND);
  await t.step("from no other address than a client's own and its routes", async () => {
    await network.must("direct", ["ip", "address", "add", "10.78.0.1", "dev", "lo"]);
    await network.must("client", ["ip", "route", "add", "10.78.0.0/16", "dev", "ipipou1"]);
    const from = ["ping", "-c3", "-i0.2", "-W1", "-I", "10.78.0.1", OFFICE.ip];
    await network.must("server", ["ip", "route", "add", "10.78.0.0/16", "dev", "home"]);
    assert.notEqual((await network.run("direct", from)).code, 0);
    const lines = await scenario.reload(hub, "hub.toml", hubWith('allowed-ips = ["10.78.0.0/16"]'));
    assert.match(lines.join("\n"), /reload: /);
    await network.must("direct", from);
  });
});

Deno.test("a server of a single client takes any inner source, unless allowed-ips says which", async () => {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  const token = ["--auth-token", HOME.token, "--reply-on-auth-ok"];
  await network.must("client", ["ip", "address", "add", "10.78.0.1", "dev", "lo"]);
  const pingFrom = (source: string) => ["ping", "-c3", "-i0.2", "-W1", "-I", source, INNER.server];
  for (const [words, isTaken] of [[[], true], [["--allowed-ips", INNER.client], false]] as const) {
    const server = await scenario.server(...token, "--routes", "10.78.0.0/16", ...words);
    const client = await scenario.client("client", ...token);
    await client.waitForLine(/accepted by/, PATIENCE);
    await network.must("client", pingFrom(INNER.client));
    assert.equal((await network.run("client", pingFrom("10.78.0.1"))).code === 0, isTaken);
    for (const process of [client, server]) assert.equal((await process.kill()).code, 0);
  }
});
