import assert from "node:assert/strict";
import type { Settings } from "../../lib/settings/settings.ts";
import { hubOf, peersOf, SERVER, World } from "./pair/world.ts";

/** A client and a server that say what their uplink lacks. */
for (
  const [side, ip, gateway] of [["server", SERVER.ip, "192.0.2.254"], [
    "client",
    "10.0.0.4",
    "10.0.0.254",
  ]] as const
) {
  Deno.test(`A ${side} says once that its uplink is down, and once that it is up again`, async () => {
    const world = new World();
    await world.begin();
    const node = side === "server" ? world.server : world.clients[2]!;
    const admin = world.admin(node);
    const problem = `Cannot use ${ip}: its network device eth0 is down`;
    admin.lower("eth0");
    await world.pass(120);
    const count = (text: string) => node.lines.filter((line) => line.includes(text)).length;
    assert.equal(count(`<4>Warning: ${problem}; keeping ${ip}, and waiting`), 1, world.story);
    assert.ok(node.status!.startsWith(`${problem}; `), node.status!);
    admin.raise("eth0");
    admin.addRoute(`default dev eth0 via ${gateway}`);
    await world.pass(2);
    assert.equal(count(`<5>${ip} can be used again`), 1);
    assert.ok(!node.status!.includes("Cannot"), node.status!);
    await world.pass(30);
    world.assertConnected();
  });
}

Deno.test("A client without keepalive or replies authenticates within a second of the news that its uplink is back", async () => {
  const world = new World();
  await world.begin();
  const client = world.clients[2]!;
  client.settings = { ...client.settings as Settings, keepalive: 0 };
  client.reload();
  await world.pass(5);
  const admin = world.admin(client);
  const cases: Record<string, () => void> = {
    "another default route": () => {
      admin.deleteRoute("default");
      admin.addRoute("default dev eth0 via 10.0.0.253");
    },
    "the device was down": () => {
      admin.lower("eth0");
      admin.raise("eth0");
      admin.addRoute("default dev eth0 via 10.0.0.254");
    },
    "the same address again": () => {
      admin.flushAddresses("eth0");
      admin.addAddress("eth0", "10.0.0.4/24");
      admin.addRoute("default dev eth0 via 10.0.0.254");
    },
    "another address of several": () => {
      admin.addAddress("eth0", "10.0.0.41/32");
      admin.flushAddresses("eth0");
      admin.addAddress("eth0", "10.0.0.42/24");
      admin.addAddress("eth0", "10.0.0.43/32");
      admin.addRoute("default dev eth0 via 10.0.0.254");
    },
  };
  for (const [what, change] of Object.entries(cases)) {
    await world.pass(10);
    const { length } = world.seen;
    change();
    await world.clock.advance(1_100);
    assert.ok(world.seen.length > length, what);
    assert.equal(world.sendData(2), "p2", `${what}\n${world.story}`);
  }
  admin.deleteRoute("default");
  await world.pass(200);
  const warnings = client.lines.filter((line) => /<4>.*auth packet not sent/.test(line));
  assert.equal(warnings.length, 1, warnings.join("\n"));
  admin.addRoute("default dev eth0 via 10.0.0.254");
  const { length } = world.seen;
  await world.clock.advance(1_100);
  assert.ok(world.seen.length > length, "at once, not after a pause that has grown");
  assert.ok(client.hasLogged(/<5>ipipou1: auth packets can be sent again/));
  await world.pass(5);
  assert.ok(world.seen.length <= length + 2, "and not again and again");
});

Deno.test("A client without address and device takes the way to its server, also with an MTU of its own, and follows it", async () => {
  for (const mtu of [null, 1_400]) {
    const world = new World();
    const client = world.clients[2]!;
    const settings = client.settings as Settings;
    const peers = settings.peers.map((peer) => ({ ...peer, tunnel: { ...peer.tunnel, mtu } }));
    const local = { ...settings.local, ip: null, device: null };
    client.settings = { ...settings, peers, local, keepalive: 0 };
    await world.begin();
    assert.equal(world.sendData(2), "p2", world.story);
    const { length } = world.seen;
    const admin = world.admin(client);
    admin.addAddress("eth0", "10.0.1.44/24");
    admin.deleteRoute("default");
    admin.addRoute("default dev eth0 via 10.0.1.254");
    await world.clock.advance(1_100);
    assert.ok(world.seen.length > length, world.story);
    assert.ok(client.hasLogged(/the own address changed from 10\.0\.0\.4 to 10\.0\.1\.44: following it/));
    assert.equal(world.sendData(2), "p2", world.story);
  }
});

Deno.test("A client without address and device waits for its server's name and for a way to it", async () => {
  const world = new World();
  const client = world.clients[0]!;
  const settings = client.settings as Settings;
  client.settings = { ...settings, local: { ...settings.local, ip: null, device: null } };
  const { addresses } = client.host.resolver;
  const [name, ip] = [...addresses][0]!;
  addresses.delete(name);
  await world.begin();
  assert.equal(client.status, `waiting for the IPv4 address of ${name}`);
  addresses.set(name, ip);
  await world.pass(60);
  assert.equal(world.sendData(0), "p0", world.story);
});

Deno.test("A server with an address of its own waits for that when it is gone, says so, and serves as soon as it is back", async () => {
  const world = new World(
    hubOf(peersOf(), { local: { ip: SERVER.ip, device: null, ports: [10_000, 10_001] } }),
  );
  await world.begin();
  const { server } = world;
  const admin = world.admin(server);
  const problem = `Cannot use the local address ${SERVER.ip} (--fou-local): no network device here has it`;
  admin.flushAddresses("eth0");
  await world.pass(3);
  assert.ok(server.status!.startsWith(`${problem}; waiting for clients`), server.status!);
  assert.equal(server.lines.filter((line) => line.includes(`<4>Warning: ${problem}; keeping`)).length, 1);
  assert.ok(server.host.kernel.tables.get("ipipou")!.chains.has("gate-hub"), "the gate stays");
  admin.addAddress("eth0", `${SERVER.ip}/24`);
  admin.addRoute("default dev eth0 via 192.0.2.254");
  await world.pass(2);
  assert.ok(server.hasLogged(/<5>192\.0\.2\.1 can be used again/));
  world.assertConnected();
});

Deno.test("A server whose gate cannot be restored says so in its status at once", async () => {
  const world = new World();
  await world.begin();
  const { server } = world;
  for (let run = 0; run < 6; run++) {
    server.host.programs.failNext("nft", { kind: "fails", code: 1, stderr: "Error: no" });
  }
  world.admin(server).flushRuleset();
  await world.clock.advance(500);
  assert.match(
    server.status!,
    /^the gate is away: FOU ports are closed until it is back; waiting for clients/,
  );
  await world.pass(60);
  assert.match(server.status!, /^waiting for clients/);
  world.assertConnected();
});
