import assert from "node:assert/strict";
import { EtcHosts, INNER, IPIPOU, makeKeys, PATIENCE, PORT, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];
const REMOTE = ["-r", `192.0.2.1:${PORT}`, "--tunl-ip", INNER.client];

Deno.test("signals and --reauth-only send auth packets as documented, and no secret is exposed", async (t) => {
  await using scenario = await Scenario.create();
  const { privateKey, publicKey } = makeKeys();
  const secret = "never to be seen";
  const secretFile = await scenario.write("secret", secret);
  const both = ["-vvv", "--auth-secret-file", secretFile];
  const proof = [...both, "--auth-key-file", await scenario.write("client.key", privateKey)];
  const server = await scenario.server(...both, "--auth-remote-pubkey-b64", publicKey, "--reply-on-auth-ok");
  const client = await scenario.client("client", ...proof);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await t.step(
    "SIGUSR1 makes a client send one; both sides ignore SIGUSR2, and a server SIGUSR1",
    async () => {
      server.signal("SIGUSR2");
      client.signal("SIGUSR2");
      server.signal("SIGUSR1");
      client.signal("SIGUSR1");
      await server.waitForLine(/authenticated again/, PATIENCE);
      await scenario.ping("client");
    },
  );
  await t.step("no log, argument list of a child or kernel object contains a secret", async () => {
    const kernel = await scenario.snapshot("server") + await scenario.snapshot("client");
    const list = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '";
    const processes = await scenario.network.must("client", ["sh", "-c", list]);
    const seen = [...server.lines, ...client.lines, kernel, processes].join("\n");
    assert.ok(seen.includes(IPIPOU));
    for (const hidden of [secret, privateKey]) assert.ok(!seen.includes(hidden), `${hidden} was seen`);
  });
  await t.step("--reauth-only sends one beside a running client and changes nothing", async () => {
    const before = await scenario.snapshot("client");
    const again = scenario.start("client", "-n1", "-b@eth0", ...REMOTE, ...proof, "--reauth-only");
    await server.waitForLine(/authenticated again/, PATIENCE);
    assert.equal((await again.exit).code, 0);
    const words = ["-n1", "-b@eth0", ...REMOTE, ...proof, "--reauth-only", "--reply-on-auth-ok"];
    const answered = scenario.start("client", ...words);
    assert.equal((await answered.exit).code, 0, answered.lines.join("\n"));
    assert.match(answered.lines.at(-1)!, /accepted by 192\.0\.2\.1:10001 event=accepted /);
    assert.equal(await scenario.snapshot("client"), before);
  });
});

Deno.test("the server may be a name in /etc/hosts, and may get its address later", async () => {
  await using scenario = await Scenario.create();
  const server = await scenario.server(...TOKEN);
  const args = ["-n1", "-b@eth0", "-r", `vpn.example:${PORT}`, "--tunl-ip", INNER.client, ...TOKEN];
  const client = scenario.start("client", ...args);
  await client.waitForLine(/Cannot find the IPv4 address of vpn\.example: .*trying again/, PATIENCE);
  await using _hosts = await EtcHosts.with("192.0.2.1 vpn.example");
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
});

Deno.test("without a route the auth packet is sent once there is one; --reauth-only ends with exit code 120", async () => {
  await using scenario = await Scenario.create();
  const server = await scenario.server(...TOKEN);
  await scenario.network.must("client", ["ip", "route", "delete", "default"]);
  const args = ["-n1", "-b10.0.1.2", ...REMOTE, ...TOKEN];
  const once = scenario.start("client", ...args, "--reauth-only");
  assert.equal((await once.exit).code, 120);
  assert.match(once.lines.at(-1)!, /^ipipou: .*192\.0\.2\.1: ENETUNREACH/);
  const client = scenario.start("client", ...args);
  await client.waitForLine(/ENETUNREACH.*trying again/, PATIENCE);
  await scenario.network.must("client", ["ip", "route", "add", "default", "via", "10.0.1.1"]);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
});

Deno.test("auth packets have a correct UDP checksum, and the TTL of --auth-packet-ttl or the system's", async () => {
  await using scenario = await Scenario.create();
  await scenario.network.must("client", ["tee", "/proc/sys/net/ipv4/ip_default_ttl"], { stdin: "77" });
  const filter = ["-i", "eth0", "-nvv", "-l", "udp", "port", String(PORT), "and", "udp[4:2] == 19"];
  const capture = scenario.network.spawn("client", ["tcpdump", ...filter]);
  await capture.waitForLine(/listening on eth0/, PATIENCE);
  for (const [ttl, expected] of [[[], 77], [["--auth-packet-ttl", "9"], 9]] as const) {
    const args = ["-n1", "-b@eth0", ...REMOTE, ...TOKEN, "--reauth-only", ...ttl];
    assert.equal((await scenario.start("client", ...args).exit).code, 0);
    await capture.waitForLine(new RegExp(`ttl ${expected},`), PATIENCE);
    await capture.waitForLine(
      /10\.0\.1\.2\.10001 > 192\.0\.2\.1\.10001: \[udp sum ok\] UDP, length 11/,
      PATIENCE,
    );
  }
});
