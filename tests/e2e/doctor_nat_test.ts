import assert from "node:assert/strict";
import { Practice } from "./practice.ts";
import { INNER, makeKeys, Scenario } from "./scenario.ts";

Deno.test("ipipou doctor --nat measures how long a NAT keeps the way open, and leaves nothing behind", async (t) => {
  await using scenario = await Scenario.create();
  const practice = new Practice(scenario);
  const { network } = scenario;
  const { privateKey, publicKey } = makeKeys();
  const settings = (keepalive: string) =>
    `number = 1\nreply-on-auth-ok = true\n${keepalive}[fou]\nlocal = "@eth0"\nremote = "192.0.2.1:10001"\n` +
    `[tunl]\nip = "${INNER.client}"\n[auth]\nkey-b64 = "${privateKey}"\nsecret-file = "office.token"\n`;
  const server = await scenario.server(
    ...["--auth-secret", "hunter2", "--reply-on-auth-ok", "--auth-remote-pubkey-b64", publicKey],
  );
  const before = await scenario.snapshot("client");
  const measure = async (keepalive: string) => {
    const { findings } = await practice.examine(settings(keepalive), { args: ["--nat"] });
    return findings.find(({ topic }) => topic === "nat")!;
  };
  await t.step("a NAT that keeps it for longer than half a minute", async () => {
    const { level, what } = await measure("");
    assert.equal(
      `${level}: ${what}`,
      "ok: 10.0.1.2 is private, so there is a NAT on the way to 192.0.2.1; " +
        "the way is open for at least 30 s without a packet",
    );
  });
  await t.step("a NAT that forgets it earlier than the client sends", async () => {
    for (const name of ["udp_timeout", "udp_timeout_stream"]) {
      await network.must("nat", ["sysctl", "-qw", `net.netfilter.nf_conntrack_${name}=12`]);
    }
    const { level, what, cure } = await measure("");
    assert.match(what, /; the way is open after 10 s without a packet, and not after 14 s$/);
    assert.deepEqual([level, cure], ["fault", "keepalive = 8"]);
  });
  assert.equal(await scenario.snapshot("client"), before);
  assert.ok(!server.lines.some((line) => /refused/.test(line)), server.lines.join("\n"));
});
