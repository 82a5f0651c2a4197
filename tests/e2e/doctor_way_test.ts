import assert from "node:assert/strict";
import { listFeatures } from "../../ffi/device_features.ts";
import { must } from "../../tools/command.ts";
import { Practice } from "./practice.ts";
import { makeKeys, PATIENCE, Scenario } from "./scenario.ts";

/** A client's settings. @param more keys above the first table */
function clientOf(privateKey: string, more = "reply-on-auth-ok = true"): string {
  return `number = 1\n${more}\n[fou]\nlocal = "@eth0"\nremote = "192.0.2.1:10001"\n[tunl]\nip = "172.28.0.3"\n` +
    `[auth]\nkey-b64 = "${privateKey}"\nsecret-file = "office.token"\n`;
}

/** Changes features of devices, and spoils checksums. */
const FEATURES = new URL("features.py", import.meta.url).pathname;

/** Drops full-sized packets between server and client without a word, and pings of the server's address or not. */
const NARROW = `table ip narrow {
  chain forward {
    type filter hook forward priority 0
    ip length > 1400 drop
  }
}`;

Deno.test("ipipou doctor tells a server that accepts from one that is not there, refuses, or is cut off", async (t) => {
  await using scenario = await Scenario.create();
  const practice = new Practice(scenario);
  const { network } = scenario;
  const { privateKey, publicKey } = makeKeys();
  const office = clientOf(privateKey);
  const serverOf = async (settings: string) => (await practice.examine(settings)).of("server")[0]!;
  await t.step("nothing has the port", async () => {
    assert.match(
      await serverOf(office),
      /^fault: 192\.0\.2\.1:10001 cannot be reached: nothing has that UDP port there \(192\.0\.2\.1 says so\)$/,
    );
  });
  const credentials = [
    "--auth-secret",
    "hunter2",
    "--reply-on-auth-ok",
    "--auth-remote-pubkey-b64",
    publicKey,
  ];
  const server = await scenario.server(...credentials);
  await t.step("it accepts, and forgets who only asked", async () => {
    assert.match(await serverOf(office), /^ok: 192\.0\.2\.1:10001 accepts this client, after \d+ ms$/);
    await server.waitForLine(/tunnel up/, PATIENCE);
    await server.waitForLine(/has stopped|stops|good-bye/, PATIENCE);
  });
  await t.step("another key, or replies that nobody expects", async () => {
    const { privateKey: other, publicKey: shown } = makeKeys();
    const { findings, of, code } = await practice.examine(clientOf(other));
    assert.deepEqual([of("server"), code], [["fault: 192.0.2.1:10001 gave no answer"], 3]);
    const { why, cure } = findings.find(({ topic }) => topic === "server")!;
    assert.match(why!, /the host answers pings/);
    assert.ok(cure!.includes(`its auth.remote-pubkey-b64 for this client must be "${shown}"`), cure!);
    assert.match(await serverOf(clientOf(other, "")), /^unseen: 192\.0\.2\.1:10001 gave no answer$/);
    assert.match(await serverOf(clientOf(privateKey, "")), /^ok: /);
  });
  await t.step("a firewall on the way forbids it, or drops all", async () => {
    const forbid = (verdict: string) =>
      network.must("router", [
        "nft",
        `table ip f { chain c { type filter hook forward priority 0; ${verdict}; }; }`,
      ]);
    await forbid("udp dport 10001 reject with icmp admin-prohibited");
    assert.match(
      await serverOf(office),
      /cannot be reached: a firewall forbids it \(198\.51\.100\.254 says so\)$/,
    );
    await network.must("router", ["nft", "delete table ip f"]);
    await forbid("ip saddr 198.51.100.2 drop");
    const { findings } = await practice.examine(office);
    assert.match(findings.find(({ topic }) => topic === "server")!.why!, /answers no pings either/);
    await network.must("router", ["nft", "delete table ip f"]);
  });
  await t.step("the way takes less than the tunnel will send", async () => {
    await network.must("router", ["nft", "-f", "-"], { stdin: NARROW });
    assert.match(
      (await practice.examine(office)).of("mtu")[0]!,
      /^fault: packets of more than 1400 bytes do not get through the way to 192\.0\.2\.1; the tunnel's MTU is 1472$/,
    );
    await network.must("router", ["nft", "delete table ip narrow"]);
  });
});

Deno.test("ipipou doctor examines a tunnel that runs, and disturbs it in nothing", async (t) => {
  await using scenario = await Scenario.create();
  const practice = new Practice(scenario);
  const { network } = scenario;
  const { privateKey, publicKey } = makeKeys();
  const office = clientOf(privateKey);
  const server = await scenario.server(
    "--auth-secret",
    "hunter2",
    "--reply-on-auth-ok",
    "--auth-remote-pubkey-b64",
    publicKey,
  );
  await scenario.write("office.token", "hunter2\n");
  const client = scenario.start("client", "--config", await scenario.write("office.toml", office));
  await client.waitForLine(/accepted by/, PATIENCE);
  await scenario.ping("client");
  const before = await scenario.snapshot("client");
  await t.step("all is well", async () => {
    const { of, code, findings } = await practice.examine(office);
    assert.deepEqual(findings.filter(({ level }) => level === "fault"), []);
    assert.deepEqual([of("instance"), of("tunnel"), of("port"), of("ipip"), of("mtu")], [
      [`ok: it runs as process ${client.pid}`],
      ["ok: 1 is up"],
      ["ok: UDP port 10001 of 10.0.1.2 is FOU's"],
      ["ok: tunl0 is down or not there, and no other tunnel is in the way"],
      ["ok: packets of 1472 bytes get through ipipou1, and back from 172.28.0.2"],
    ]);
    assert.match(of("server")[0]!, /^ok: 192\.0\.2\.1:10001 accepts this client/);
    assert.equal(code, findings.some(({ level }) => level === "warning") ? 4 : 0);
  });
  await t.step("checksums are wrong", async () => {
    const offloads = async () => (await practice.examine(office)).of("offloads")[0]!;
    assert.equal(await offloads(), "ok: eth0 is a virtual device, and no checksum was wrong");
    const spoiler = network.spawn("nat", ["/usr/bin/python3", "-B", FEATURES, "spoil", "10.0.1.2", "7777"]);
    assert.match(await offloads(), /^fault: \d+ UDP datagrams with a wrong checksum came meanwhile$/);
    await spoiler.kill();
  });
  await t.step("TCP would hang, and the cure mends it", async () => {
    await network.must("router", ["nft", "-f", "-"], { stdin: NARROW });
    const { findings } = await practice.examine(office);
    const mtu = findings.find(({ topic }) => topic === "mtu")!;
    assert.match(
      mtu.what,
      /^packets of more than 1372 bytes do not get through ipipou1, .*; the tunnel's MTU is 1472$/,
    );
    const [, mtuKey] = /^(mtu = \d+) in \[tunl\], /.exec(mtu.cure!)!;
    const mended = office.replace("[tunl]", `[tunl]\n${mtuKey}`);
    await scenario.reload(client, "office.toml", mended);
    assert.match((await practice.examine(mended)).of("mtu")[0]!, /^ok: packets of 1372 bytes get through/);
    await scenario.reload(client, "office.toml", office);
    await network.must("router", ["nft", "delete table ip narrow"]);
  });
  assert.equal(await scenario.snapshot("client"), before);
  await scenario.ping("client");
  // Both have one name, and in this lab one folder for their sockets.
  for (const end of [client, server]) await end.kill("SIGKILL");
  const left = (await practice.examine(office)).of("instance");
  assert.deepEqual(left, ["fault: it does not run, and what it left stands in the kernel"]);
  await scenario.ping("client");
});

Deno.test("listFeatures() tells which features of a device are on, and which can be changed", async () => {
  const setGro = async (word: string) =>
    void await must(["/usr/bin/python3", "-B", FEATURES, "gro", "lo", word]);
  await setGro("off");
  assert.ok(!listFeatures("lo").on.has("rx-gro"));
  await setGro("on");
  assert.ok(listFeatures("lo").on.has("rx-gro"));
  assert.ok(listFeatures("lo").on.has("tx-generic-segmentation"));
  const { changeable } = listFeatures("lo");
  assert.deepEqual(["rx-gro", "tx-scatter-gather"].map((name) => changeable.has(name)), [true, false]);
  assert.throws(() => listFeatures("nothing"), /ENODEV/);
});
