import assert from "node:assert/strict";
import { EtcHosts, eventually, INNER, PATIENCE, PORT, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];

Deno.test("--auth-lifetime is renewed by keepalives, and ended by the kernel, on time and without the program", async () => {
  await using scenario = await Scenario.create();
  const server = await scenario.server(...TOKEN, "--auth-lifetime", "15");
  const client = await scenario.client("client", ...TOKEN, "--keepalive", "2");
  await server.waitForLine(/tunnel up/, PATIENCE);
  const pings = await scenario.network.must("client", ["ping", "-i1", "-c25", INNER.server]);
  assert.match(pings, / 0% packet loss/);
  await Promise.all([server.kill("SIGKILL"), client.kill("SIGKILL")]);
  await scenario.ping("client");
  await eventually("the kernel has ended it", async () => !await scenario.answers("client"));
  const next = await scenario.server(...TOKEN, "--auth-lifetime", "15");
  assert.match(next.lines.join("\n"), /taking over the tunnel, parked/);
  assert.equal(await scenario.answers("client"), false);
  await scenario.client("client", ...TOKEN);
  await next.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
});

Deno.test("--auth-by-remote-ip and --auth-by-remote-port refuse another address and port, a token refuses another token", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const to = ["--to", `192.0.2.1:${PORT}`, "--token", "open sesame"];
  const only = ["--auth-by-remote-ip", "--auth-by-remote-port", "-r", "peer.test:4444"];
  await using hosts = await EtcHosts.with("203.0.113.2 peer.test");
  const server = await scenario.server("-vvv", ...TOKEN, ...only);
  await t.step("another address", async () => {
    await scenario.send("client", "--from", "10.0.1.2:4444", ...to);
    await server.waitForLine(/refused .* 198\.51\.100\.2:\d+: wrong remote address/, PATIENCE);
  });
  await t.step("another port", async () => {
    await scenario.send("direct", "--from", "203.0.113.2:4445", ...to);
    await server.waitForLine(/refused .* 203\.0\.113\.2:4445: wrong remote port/, PATIENCE);
  });
  await t.step("another token", async () => {
    const wrong = ["--to", `192.0.2.1:${PORT}`, "--token", "open simsim"];
    await scenario.send("direct", "--from", "203.0.113.2:4444", ...wrong);
    await server.waitForLine(/refused .* 203\.0\.113\.2:4444: wrong token/, PATIENCE);
  });
  await t.step("the right address, port and token", async () => {
    await scenario.send("direct", "--from", "203.0.113.2:4444", ...to);
    await server.waitForLine(/tunnel up to 203\.0\.113\.2:4444/, PATIENCE);
  });
  await t.step("a reload keeps the address of a name that no longer resolves", async () => {
    await hosts.restore();
    server.signal("SIGHUP");
    await server.waitForLine(/address of peer\.test: .*; keeping 203\.0\.113\.2 event=unresolved /, PATIENCE);
    await server.waitForLine(/reload: no setting changed/, PATIENCE);
    await scenario.send("direct", "--from", "203.0.113.2:4444", ...to);
    await server.waitForLine(/authenticated again from 203\.0\.113\.2:4444/, PATIENCE);
  });
});
