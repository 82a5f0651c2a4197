import assert from "node:assert/strict";
import { eventually, INNER as ENDS, makeKeys, PATIENCE, Scenario } from "../e2e/scenario.ts";
import { ADDRESS, type Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";

const FLOODER = new URL("../e2e/flood.py", import.meta.url).pathname;
const HUB = "172.28.0.2";
/** A is behind the NAT, at 198.51.100.2:10001; B attacks. */
const INNER = { a: "172.28.0.11", b: "172.28.0.13" } as const;
const A = `${ADDRESS.nat}:10001`;
/** Where A's NAT is, in B's tunnel. */
const TO_A = `${ADDRESS.nat}/32`;

/** A hub that masquerades what its peers send, as the usual way out of a VPN does. */
async function startHub(scenario: Scenario): Promise<Process> {
  const peers = Object.entries(INNER).map(([name, inner]) =>
    `[[peer]]\nname = "${name}"\ntunl.peer-ip = "${inner}"\nauth.token = "the token of ${name}"\n`
  );
  const settings = `server = true\nnumber = 1\nfou.local = "@eth0"\ntunl.ip = "${HUB}"\n${peers.join("")}`;
  const rules = "add table ip admin; " +
    "add chain ip admin out { type nat hook postrouting priority srcnat; }; add rule ip admin out oifname eth0 masquerade";
  await scenario.network.must("server", [
    "sh",
    "-ec",
    `echo 1 > /proc/sys/net/ipv4/ip_forward; nft '${rules}'`,
  ]);
  const hub = scenario.start("server", "--config", await scenario.write("hub.toml", settings));
  await hub.waitForLine(/waiting for clients/, PATIENCE);
  return hub;
}

async function join(
  scenario: Scenario,
  hub: Process,
  host: Host,
  name: keyof typeof INNER,
): Promise<Process> {
  const client = scenario.start(
    host,
    ...["-n1", "-b@eth0", "-r", `${ADDRESS.server}:10001`, "--auth-token", `the token of ${name}`],
    ...["--tunl-ip", INNER[name], "--tunl-peer-ip", HUB],
  );
  await hub.waitForLine(new RegExp(` ${name}: (tunnel up|authenticated)`), PATIENCE);
  return client;
}

/** How many packets came out of A's tunnel. */
async function received(scenario: Scenario): Promise<number> {
  return Number(
    await scenario.network.must("client", ["cat", "/sys/class/net/ipipou1/statistics/rx_packets"]),
  );
}

/** An IPv4 packet without content, as a tunnel carries it. */
function innerPacket(): string {
  return "45000014000000004001" + "0000" + "ac1c0002" + "ac1c000b";
}

Deno.test("a peer of a hub that masquerades reaches no other peer's tunnel from inside its own, and takes no packets of it", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const { network } = scenario;
  const hub = await startHub(scenario);
  await join(scenario, hub, "direct", "b");
  await network.must("direct", ["ip", "route", "add", TO_A, "dev", "ipipou1"]);
  const toA = (port: number, ...more: string[]) =>
    scenario.send("direct", "--from", `${INNER.b}:${port}`, "--to", A, "--hex", innerPacket(), ...more);
  await t.step("B uses A's port at the hub before A comes", async () => {
    // Nothing tells this endpoint from any other host's yet.
    await toA(10001);
    const client = await join(scenario, hub, "client", "a");
    await scenario.ping("client", HUB);
    client.signal("SIGUSR1");
    await hub.waitForLine(/ a: authenticated again/, PATIENCE);
    await scenario.ping("server", INNER.a);
  });
  const before = await received(scenario);
  await t.step("B sends what A's tunnel would take, from the hub's port and from others", async () => {
    await toA(10001, "--count", "5");
    await toA(40000, "--count", "5");
    assert.equal(await scenario.counted("ip daddr . udp dport @endpoints"), 10);
  });
  await t.step("B sends bare IPIP", async () => {
    await network.must("direct", [
      ...["ip", "link", "add", "name", "probe", "type", "ipip"],
      ...["remote", ADDRESS.nat, "local", INNER.b, "dev", "ipipou1"],
    ]);
    await network.must("direct", [
      "sh",
      "-ec",
      "ip address add 172.28.9.1/24 dev probe; ip link set probe up",
    ]);
    await network.run("direct", ["ping", "-c3", "-i0.2", "-W1", "172.28.9.2"]);
    assert.equal(await scenario.counted("ip protocol ipencap ip daddr @addresses"), 3);
  });
  assert.equal(await received(scenario), before);
  await t.step("B says that it is where A is, again and again", async () => {
    const forged = ["--from", A, "--to", `${ADDRESS.server}:10001`, "--token", "the token of b"];
    await scenario.send("router", ...forged, "--count", "5", "--rate", "5");
    await hub.waitForLine(
      / b: refused auth packet from 198\.51\.100\.2:10001: another peer is there/,
      PATIENCE,
    );
    for (const inner of Object.values(INNER)) await scenario.ping("server", inner);
  });
});

Deno.test("what is redirected to the server's port, or comes out of a tunnel, is no way around the gate", async (t) => {
  await using scenario = await Scenario.create({ client2: true });
  const { network } = scenario;
  const server = await scenario.server("--auth-token", "open sesame");
  await scenario.client("client", "--auth-token", "open sesame");
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  await t.step("a redirected port", async () => {
    const rules =
      "add table ip admin; add chain ip admin in { type nat hook prerouting priority dstnat; }; " +
      "add rule ip admin in udp dport 53 redirect to :10001";
    await network.must("server", ["nft", rules]);
    // Behind the same address as the client, whose tunnel its packets would come out of.
    await network.must("client2", ["ip", "-batch", "-"], {
      stdin:
        "link add name probe type ipip remote 192.0.2.1 local 10.0.1.3 encap fou encap-sport 5000 encap-dport 53\n" +
        "address add 172.28.0.3 peer 172.28.0.2 dev probe\nlink set dev probe up\n",
    });
    assert.equal(await scenario.answers("client2"), false);
    const rule = "ip daddr 192.0.2.1 udp dport 10001 counter packets";
    assert.equal(await scenario.counted(rule), 3);
  });
  await t.step("a packet for the server's port from inside a tunnel", async () => {
    await scenario.send(
      "client",
      "--from",
      "172.28.0.3:5000",
      "--to",
      "172.28.0.2:10001",
      "--hex",
      innerPacket(),
    );
    await network.must("client", ["ip", "route", "add", "192.0.2.9/32", "dev", "ipipou1"]);
    await network.must("server", ["ip", "address", "add", "192.0.2.9/32", "dev", "lo"]);
    assert.equal(await scenario.counted("iifkind"), 0);
    await network.must("client", ["ip", "rule", "add", "fwmark", "7", "lookup", "77"]);
    await network.must("client", ["ip", "route", "add", "192.0.2.1/32", "dev", "ipipou1", "table", "77"]);
    await network.must("client", [
      "nft",
      "add table ip admin; add chain ip admin out { type route hook output priority mangle; }; " +
      "add rule ip admin out udp sport 5001 meta mark set 7",
    ]);
    await scenario.send(
      "client",
      "--from",
      "172.28.0.3:5001",
      "--to",
      "192.0.2.1:10001",
      "--hex",
      innerPacket(),
    );
    assert.equal(await scenario.counted("iifkind"), 1);
  });
});

Deno.test("a flood with a client's address, or its very address and port, does not cut off the client", async () => {
  await using scenario = await Scenario.create({ direct: true });
  const { network } = scenario;
  const keys = makeKeys();
  const server = await scenario.server("--auth-remote-pubkey-b64", keys.publicKey, "--auth-lifetime", "30");
  await scenario.client("direct", "--auth-key-b64", keys.privateKey, "--keepalive", "6");
  await server.waitForLine(/tunnel up/, PATIENCE);
  const ends = [`${ADDRESS.server}:10001`, `${ADDRESS.direct}:10001`];
  // More than all of one address together may send, and no more than a busy emulated processor can take.
  const floods = [["address", "30"], ["place", "40"]].map(([kind, rate]) =>
    network.spawn("router", ["/usr/bin/python3", "-B", FLOODER, kind!, ...ends, rate!, "600"])
  );
  await eventually("what is let through from its address is used up", async () => {
    return await scenario.counted("ip saddr @addresses-ipipou1 limit rate") > 40;
  });
  await eventually("many come from its place", async () => {
    return await scenario.counted("udp sport @endpoints-ipipou1 counter") > 100;
  });
  const { length } = server.lines;
  const { stdout } = await network.run("server", ["ping", "-qi0.5", "-c50", ENDS.client]);
  // An emulated processor may lose some by itself.
  assert.match(stdout, / [0-4]?[0-9](\.\d+)?% packet loss/);
  const renewals = server.lines.slice(length).filter((line) => line.includes("authenticated again"));
  assert.ok(renewals.length >= 1, `${renewals.length} renewals in 25 s`);
  for (const flood of floods) await flood.kill("SIGKILL");
});
