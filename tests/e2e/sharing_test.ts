import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import { secondOriginalClient } from "./original.ts";
import { PATIENCE, Scenario } from "./scenario.ts";
import { exchange, serveTcp, turnOffOffloads } from "./tcp.ts";

const TOKEN = ["--auth-token", "open sesame"];

/**
 * Two clients behind one NAT, each with its own server process, on ports 10001 and 10002. One client is of version
 * 0.1. One pair has checksums in its outer packets.
 */
const PAIRS = [
  { number: 1, host: "client", server: "172.28.0.2", inner: "172.28.0.3", checksum: "encap-csum" },
  { number: 2, host: "client2", server: "172.28.0.4", inner: "172.28.0.5", checksum: "noencap-csum" },
] as const;

Deno.test("two clients behind one address reach their own servers, which track no connections", async () => {
  await using scenario = await Scenario.create({ client2: true });
  const before = await scenario.snapshot("server");
  const servers = [];
  for (const { number, host, inner, checksum } of PAIRS) {
    const common = [`-n${number}`, "-b@eth0", ...TOKEN];
    if (number === 1) common.push("--encap-csum");
    const server = scenario.start("server", "-s", ...common);
    await server.waitForLine(/waiting for clients/, PATIENCE);
    if (number === 2) {
      secondOriginalClient(scenario, ["--token", "open sesame", "--encap", checksum]);
    } else {
      scenario.start(host, ...common, "-r", `192.0.2.1:${10000 + number}`, "--tunl-ip", inner);
    }
    await server.waitForLine(/tunnel up to 198\.51\.100\.2:/, PATIENCE);
    servers.push(server);
  }
  const device = (host: Host, name: string) =>
    scenario.network.must(host, ["ip", "-d", "link", "show", "dev", name]);
  assert.match(await device("server", "ipipou2"), /remote 198\.51\.100\.2 local 172\.29\.0\.2 /);
  const devices = [["server", "ipipou1", 0], ["client", "ipipou1", 0], ["server", "ipipou2", 1]] as const;
  for (const [host, name, pair] of devices) {
    assert.match(await device(host, name), new RegExp(` ${PAIRS[pair].checksum} `));
  }
  for (const { host, server } of PAIRS) await scenario.ping(host, server);
  for (const { inner } of PAIRS) await scenario.ping("server", inner);
  for (const host of ["server", "client", "client2"] as const) {
    await serveTcp(scenario, host);
    await turnOffOffloads(scenario, host);
  }
  for (const { host, server, inner } of PAIRS) {
    await exchange(scenario, host, server);
    await exchange(scenario, "server", inner);
  }
  assert.equal((await scenario.network.must("server", ["conntrack", "-C"])).trim(), "0");
  for (const server of servers) assert.equal((await server.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("an inner TCP connection survives twenty moves of its client", async () => {
  await using scenario = await Scenario.create();
  const server = await scenario.server(...TOKEN);
  const client = await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  const listener = scenario.network.spawn("server", ["iperf3", "-s", "--forceflush"]);
  await listener.waitForLine(/Server listening/, PATIENCE);
  const transfer = scenario.network.spawn("client", [
    ...["iperf3", "-c", "172.28.0.2", "-t", "600", "-b", "200k", "-l", "1k", "--forceflush"],
  ]);
  await transfer.waitForLine(/ 0\.00-/, PATIENCE);
  for (let move = 0; move < 20; move++) await scenario.move(client, server);
  const { length } = transfer.lines;
  const nextTransfer = () => transfer.waitForLine(/ [1-9][\d.]* [KM]?Bytes/, PATIENCE);
  while (transfer.lines.indexOf(await nextTransfer()) < length);
  assert.equal((await transfer.kill("SIGINT")).code, 1);
});
