import assert from "node:assert/strict";
import { eventually, PATIENCE, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];
const TOKEN_PACKET = ["--token", "open sesame"];

Deno.test("names and numbers in the kernel are those of the options", async () => {
  await using scenario = await Scenario.create();
  const outer = ["-b", "192.0.2.1:4500", "--fou-dev", "eth0", "--tunl-dev", "office"];
  const inner = ["--tunl-ip", "10.99.0.1", "--tunl-peer-ip", "10.99.7.7"];
  const gate = ["--nft-table", "vpn", "--no-nft-counter", "-q", "77", "--nfq-max-len", "9"];
  const log = ["--no-log-time", "--no-log-pid"];
  const server = scenario.start("server", "-s", ...TOKEN, ...outer, ...inner, ...gate, ...log);
  await server.waitForLine(/^waiting for clients at 192\.0\.2\.1:4500/, PATIENCE);
  const clientOuter = ["-b@eth0", "-r192.0.2.1:4500", "--fou-local-port", "4501", "--tunl-dev", "home"];
  scenario.start("client", ...TOKEN, ...clientOuter, "--tunl-ip", "10.99.7.7", "--tunl-peer-ip", "10.99.0.1");
  await server.waitForLine(/tunnel up to 198\.51\.100\.2:4501/, PATIENCE);
  await scenario.ping("client", "10.99.0.1");
  const onServer = (...argv: string[]) => scenario.network.must("server", argv);
  assert.match(
    await onServer("ip", "address", "show", "dev", "office"),
    /inet 10\.99\.0\.1 peer 10\.99\.7\.7\/32/,
  );
  assert.equal((await onServer("ip", "fou", "show")).trim(), "port 4500 ipproto 4 local 192.0.2.1");
  const rules = await onServer("nft", "list", "ruleset");
  assert.match(rules, /^table ip vpn \{\n/);
  assert.match(rules, /ip daddr 192\.0\.2\.1 udp dport 4500 jump fou-office/);
  assert.match(rules, /queue to 77$/m);
  assert.doesNotMatch(rules, /counter/);
  const queue = async () =>
    (await onServer("cat", "/proc/net/netfilter/nfnetlink_queue")).trim().split(/ +/).map(Number);
  const [number, , , , , dropped] = await queue();
  assert.deepEqual([number, dropped], [77, 0]);
  // A stopped program reads no packet: nine wait, the rest is dropped.
  server.signal("SIGSTOP");
  const ends = ["--from", "10.0.1.2:4501", "--to", "192.0.2.1:4500", ...TOKEN_PACKET];
  await scenario.send("client", ...ends, "--count", "12");
  await eventually("all have come", async () => (await queue())[5] === 3);
  assert.equal((await queue())[2], 9);
  server.signal("SIGCONT");
  await server.waitForLine(/authenticated again/, PATIENCE);
  assert.match(await scenario.network.must("client", ["ip", "link", "show", "dev", "home"]), /home@eth0/);
});
