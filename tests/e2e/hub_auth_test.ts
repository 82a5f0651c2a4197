import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { keyPairOf } from "../../lib/auth/key_pair.ts";
import { changesIn, EtcHosts, eventually, makeKeys, PATIENCE, Scenario, STAND_IN } from "./scenario.ts";

const HUB = "172.28.0.2";
/** Keys of peers that never connect: more than the server tries at once. */
const STRANGERS = Array.from({ length: 30 }, () => {
  const { publicKey } = keyPairOf(new Uint8Array(randomBytes(32)));
  return Buffer.from(publicKey).toString("base64");
});

/** The settings of a hub whose peers have different schemes. */
function hubToml(key: string, original: string): string {
  const peer = (name: string, inner: string, ...more: string[]) =>
    [`[[peer]]`, `name = "${name}"`, `tunl.peer-ip = "${inner}"`, ...more].join("\n");
  return [
    `server = true`,
    `number = 1`,
    `fou.local = "@eth0"`,
    `fou.local-port = [10001, 10002]`,
    `tunl.ip = "${HUB}"`,
    `auth.secret = "s"`,
    `reply-on-auth-ok = true`,
    ...STRANGERS.map((key, index) =>
      peer(`s${index}`, `172.28.1.${index + 1}`, `auth.remote-pubkey-b64 = "${key}"`)
    ),
    peer("key", "172.28.0.11", `auth.remote-pubkey-b64 = "${key}"`),
    peer("original", "172.28.0.12", `auth.remote-pubkey-b64 = "${original}"`),
    peer("token", "172.28.0.13", `auth.token = "open sesame"`, `auth.move-interval = 3600`),
    peer("place", "172.28.0.14", `fou.remote = "203.0.113.2:4444"`, `auth.by-remote-ip = true`),
    peer(
      "named",
      "172.28.0.15",
      `auth.token = "by name"`,
      `fou.remote = "named.test"`,
      `auth.by-remote-ip = true`,
    ),
  ].join("\n") + "\n";
}

Deno.test("peers of every scheme connect to one hub, on any of its ports, and get replies from that port", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const [key, original] = [makeKeys(), makeKeys()];
  const file = await scenario.write("hub.toml", hubToml(key.publicKey, original.publicKey));
  const hub = scenario.start("server", "-vvv", "--config", file);
  await hub.waitForLine(
    /waiting for clients at 192\.0\.2\.1:10001, 192\.0\.2\.1:10002 event=listening /,
    PATIENCE,
  );
  const exchange = (port: number, to: number, ...proof: string[]) => {
    const ends = ["--from", `203.0.113.2:${port}`, "--to", `192.0.2.1:${to}`];
    return scenario.network.must("direct", [
      "/usr/bin/python3",
      "-B",
      STAND_IN,
      "exchange",
      ...ends,
      ...proof,
    ]);
  };
  await t.step(
    "a token from a host name that resolves late, while another peer connects and the hub reloads",
    async () => {
      const missing =
        /Cannot find the IPv4 address of named\.test: .* shut out until it is found event=unresolved /;
      assert.ok(hub.lines.some((line) => missing.test(line)), "it is said before the gate is ready");
      const proof = ["--token", "by name"];
      await scenario.send("direct", "--from", "203.0.113.2:4449", "--to", "192.0.2.1:10001", ...proof);
      await hub.waitForLine(/203\.0\.113\.2:4449: wrong remote address/, PATIENCE);
      assert.match(await exchange(4446, 10002, "--token", "open sesame"), /^192\.0\.2\.1:10002 /);
      hub.signal("SIGHUP");
      await hub.waitForLine(missing, PATIENCE);
      await hub.waitForLine(/reload: no setting changed/, PATIENCE);
      await using _hosts = await EtcHosts.with("203.0.113.2 named.test");
      await hub.waitForLine(
        /found the IPv4 address of named\.test: 203\.0\.113\.2 event=resolved /,
        PATIENCE,
      );
      assert.match(await exchange(4449, 10001, ...proof), /^192\.0\.2\.1:10001 /);
      await hub.waitForLine(/ named: tunnel up to 203\.0\.113\.2:4449/, PATIENCE);
      assert.match(await exchange(4446, 10002, "--token", "open sesame"), /^192\.0\.2\.1:10002 /);
    },
  );
  await t.step("a key with a hint, found by the first signature verified", async () => {
    const options = ["-n1", "-b@eth0", "-r192.0.2.1:10001", "--tunl-ip=172.28.0.11", `--tunl-peer-ip=${HUB}`];
    const proof = ["--auth-key-b64", key.privateKey, "--auth-secret", "s", "--reply-on-auth-ok"];
    const client = scenario.start("client", ...options, ...proof);
    await hub.waitForLine(/ key: tunnel up/, PATIENCE);
    await client.waitForLine(/accepted by 192\.0\.2\.1:10001/, PATIENCE);
    await scenario.ping("client", HUB);
    assert.doesNotMatch(hub.lines.join("\n"), /signatures verified/);
  });
  await t.step("a key of version 0.1, which has no hint and has to be searched for", async () => {
    const proof = ["--key", original.privateKey, "--secret", "s"];
    assert.match(await exchange(4445, 10002, ...proof), /^192\.0\.2\.1:10002 [0-9a-f]{146}\n$/);
    await hub.waitForLine(/ original: tunnel up to 203\.0\.113\.2:4445/, PATIENCE);
    assert.match(hub.lines.join("\n"), /signatures verified/);
  });
  await t.step("a token, whose peer may not move again so soon", async () => {
    const proof = ["--token", "open sesame"];
    assert.match(await exchange(4446, 10002, ...proof), /^192\.0\.2\.1:10002 /);
    await scenario.send("direct", "--from", "203.0.113.2:4447", "--to", "192.0.2.1:10002", ...proof);
    await hub.waitForLine(/203\.0\.113\.2:4447: moved too recently/, PATIENCE);
    const device = await scenario.network.must("server", ["ip", "-d", "link", "show", "dev", "token"]);
    assert.match(device, / encap-sport 10002 encap-dport 4446 /);
  });
  await t.step("an address and port, with an empty payload", async () => {
    assert.match(await exchange(4444, 10001), /^192\.0\.2\.1:10001 \n$/);
    await hub.waitForLine(/ place: tunnel up to 203\.0\.113\.2:4444/, PATIENCE);
  });
  await t.step("a repeated auth packet gets a reply without running a command", async () => {
    const { length } = hub.lines;
    assert.match(await exchange(4446, 10002, "--token", "open sesame"), /^192\.0\.2\.1:10002 /);
    await eventually("it is told", () => {
      return hub.lines.slice(length).some((line) => line.includes("token: authenticated again"));
    });
    assert.deepEqual(changesIn(hub.lines.slice(length)), []);
  });
  await t.step(
    "a stranger's key is refused once all keys have been tried, and the refusal is logged",
    async () => {
      const stranger = makeKeys();
      const proof = ["--key", stranger.privateKey, "--secret", "s"];
      await scenario.send("direct", "--from", "203.0.113.2:4448", "--to", "192.0.2.1:10001", ...proof);
      await hub.waitForLine(/203\.0\.113\.2:4448: wrong signature/, PATIENCE);
    },
  );
});
