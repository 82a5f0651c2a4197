import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import { endUnharmed } from "../lab/pings.ts";
import { originalServer } from "./original.ts";
import { Practice } from "./practice.ts";
import { INNER, makeKeys, PATIENCE, Scenario } from "./scenario.ts";

/** A client's settings. @param others more servers */
function clientOf(privateKey: string, others = ""): string {
  return `number = 1\nreply-on-auth-ok = true\n[fou]\nlocal = "@eth0"\nremote = "192.0.2.1:10001${others}"\n` +
    `[tunl]\nip = "${INNER.client}"\n[auth]\nkey-b64 = "${privateKey}"\nsecret-file = "office.token"\n`;
}

const GUESS = "10.0.1.2 is private, so there is a NAT on the way to 192.0.2.1";

Deno.test("ipipou doctor --nat measures how long a NAT keeps the way open, and leaves nothing behind", async (t) => {
  await using scenario = await Scenario.create();
  const practice = new Practice(scenario);
  const { network } = scenario;
  const { privateKey, publicKey } = makeKeys();
  const server = await scenario.server(
    ...["--auth-secret", "hunter2", "--reply-on-auth-ok", "--auth-remote-pubkey-b64", publicKey],
  );
  const before = await scenario.snapshot("client");
  const measure = async () => {
    const { findings } = await practice.examine(clientOf(privateKey), { args: ["--nat"] });
    const [kind, time] = findings.filter(({ topic }) => topic === "nat");
    assert.equal(
      `${kind!.level}: ${kind!.what}`,
      "ok: a NAT: 192.0.2.1:10001 sees 10.0.1.2:10001 as 198.51.100.2:10001; it kept 3 ports (port preservation), " +
        "at one address",
    );
    return time!;
  };
  await t.step("a NAT that keeps it for longer than half a minute", async () => {
    const { level, what } = await measure();
    assert.equal(`${level}: ${what}`, "ok: the way is open for at least 30 s without a packet");
  });
  await t.step("a NAT that forgets it earlier than the client sends", async () => {
    for (const name of ["udp_timeout", "udp_timeout_stream"]) {
      await network.must("nat", ["sysctl", "-qw", `net.netfilter.nf_conntrack_${name}=12`]);
    }
    const { level, what, cure } = await measure();
    assert.equal(what, "the way is open after 10 s without a packet, and not after 14 s");
    assert.deepEqual([level, cure], ["fault", "keepalive = 8"]);
  });
  assert.equal(await scenario.snapshot("client"), before);
  assert.ok(!server.lines.some((line) => /refused/.test(line)), server.lines.join("\n"));
});

Deno.test("ipipou doctor --nat tells kinds of NATs, beside a tunnel that runs and loses nothing", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const practice = new Practice(scenario);
  const { network } = scenario;
  const [ofClient, ofServer] = [makeKeys(), makeKeys()];
  const officeOf = (others: string) =>
    `${clientOf(ofClient.privateKey, others)}remote-pubkey-b64 = "${ofServer.publicKey}"\n`;
  let office = officeOf(",203.0.113.2:10001");
  await scenario.write("office.token", "hunter2\n");
  const credentials = [
    ...["--auth-secret", "hunter2", "--reply-on-auth-ok", "--auth-key-b64", ofServer.privateKey],
    ...["--auth-remote-pubkey-b64", ofClient.publicKey],
  ];
  const server = await scenario.server(...credentials);
  const second = scenario.start("direct", "-s", "-n1", "-b", "@eth0", ...credentials);
  await second.waitForLine(/waiting for clients at/, PATIENCE);
  /** What doctor says of NATs beside a client that runs, and whose pings are all answered meanwhile. */
  const examine = async (host: Host = "client"): Promise<string> => {
    const client = scenario.start(host, "--config", await scenario.write("office.toml", office));
    await client.waitForLine(/accepted by/, PATIENCE);
    await scenario.ping(host);
    const pings = network.spawn(host, ["ping", "-i0.1", INNER.server]);
    const { of } = await practice.examine(office, { host, args: ["--nat"] });
    await endUnharmed(pings, 20);
    assert.equal((await client.kill()).code, 0);
    const [kind, time] = of("nat");
    assert.equal(time, "unseen: how long the way stays open without a packet");
    return kind!;
  };
  /** What a NAT does with the UDP of its clients from now on. */
  const translate = async (...rules: string[]) => {
    const lines = [...rules, "masquerade"].map((rule) => `add rule ip nat postrouting oifname wan ${rule}`);
    await network.must("nat", ["sh", "-ec", "nft -f -; conntrack -F"], {
      stdin: `flush chain ip nat postrouting\n${lines.join("\n")}\n`,
    });
  };
  const sees = "192.0.2.1:10001 sees";
  await t.step("one that keeps ports", async () => {
    await translate();
    assert.equal(
      await examine(),
      `ok: a NAT: ${sees} 10.0.1.2:10001 as 198.51.100.2:10001; it kept 3 ports (port preservation), at one address; ` +
        "203.0.113.2:10001 sees it as the same (endpoint-independent mapping)",
    );
  });
  await t.step("one that changes them", async () => {
    await translate("masquerade random");
    const kind = await examine();
    assert.match(
      kind,
      /^ok: a NAT: .* as 198\.51\.100\.2:\d+; it changed 3 ports \(no port preservation\), at one address; 203\.0\.113\.2:10001 sees it as 198\.51\.100\.2:\d+ \(endpoint-dependent mapping\)$/,
    );
    assert.doesNotMatch(kind, /198\.51\.100\.2:10001/);
  });
  assert.doesNotMatch(second.lines.join("\n"), /tunnel up|refused/);
  assert.equal((await second.kill()).code, 0);
  office = officeOf("");
  await network.must("nat", ["ip", "address", "add", "198.51.100.3/24", "dev", "wan"]);
  await t.step("one that has two addresses, and gives a client one of them", async () => {
    await translate("meta l4proto udp snat to 198.51.100.2-198.51.100.3");
    const kind = await examine();
    assert.match(
      kind,
      / as 198\.51\.100\.[23]:10001; it kept 3 ports \(port preservation\), at one address$/,
    );
  });
  await t.step("one that gives a client both", async () => {
    await translate("udp sport 10001 snat to 198.51.100.3", "meta l4proto udp snat to 198.51.100.2");
    assert.equal(
      await examine(),
      `ok: a NAT: ${sees} 10.0.1.2:10001 as 198.51.100.3:10001; it kept 3 ports (port preservation), at 2 addresses ` +
        "of a pool (arbitrary address pooling): 198.51.100.3, 198.51.100.2",
    );
  });
  await t.step("none", async () => {
    assert.equal(
      await examine("direct"),
      `ok: no NAT: ${sees} this client by its own address and port, 203.0.113.2:10001`,
    );
  });
  assert.doesNotMatch(server.lines.join("\n"), /refused|moved from/);
  assert.equal((await server.kill()).code, 0);
  await t.step("a server of version 0.1, which does not tell, and keeps its client", async () => {
    const keys = ["--pubkey", ofClient.publicKey, "--key", ofServer.privateKey, "--secret", "hunter2"];
    const original = await originalServer(scenario, ...keys, "--reply");
    assert.equal(await examine(), `unseen: ${GUESS}`);
    assert.doesNotMatch(original.lines.join("\n"), /refused|moved|Error/);
    assert.equal((await original.kill()).code, 0);
  });
});
