import assert from "node:assert/strict";
import { clientSettings, hubOf, peersOf, SERVER, SERVER_NAME, World } from "./pair/world.ts";
import type { Settings } from "../../lib/settings/settings.ts";
import { samplePeer } from "./samples.ts";

/** A world whose first client has no keepalive of its own. The server replies to it. */
async function withoutKeepalive(): Promise<World> {
  const world = new World();
  world.clients[0]!.settings = { ...clientSettings(0), keepalive: null };
  await world.begin();
  return world;
}

Deno.test("A client without keepalive is back 30 seconds after its server lost it, where that replies", async () => {
  const world = await withoutKeepalive();
  assert.equal(world.sendData(0), "p0");
  for (const pause of [0, 7, 100]) {
    await world.server.stop();
    await world.pass(pause);
    world.server.start();
    await world.pass(1);
    assert.equal(world.sendData(0), null);
    await world.pass(29);
    assert.equal(world.sendData(0), "p0", world.story);
    assert.equal(world.clients[0]!.status, "accepted by 192.0.2.1:10000");
  }
});

Deno.test("A client with neither keepalive nor replies says what that means, in one line", async () => {
  const world = new World();
  world.clients[0]!.settings = { ...clientSettings(0), keepalive: null };
  world.clients[1]!.settings = { ...clientSettings(1), keepalive: null };
  await world.begin();
  const told = world.clients.map(({ lines }) => lines.filter((line) => line.includes("--keepalive")));
  assert.deepEqual(told.map(({ length }) => length), [0, 1, 0]);
  assert.match(told[1]![0]!, /<5>ipipou1: .* give --keepalive, or --reply-on-auth-ok on both sides$/);
});

Deno.test("A reload follows an own address and a server's name that have changed, and says so", async () => {
  const world = new World();
  await world.begin();
  const client = world.clients[2]!;
  const admin = world.admin(client);
  client.host.resolver.addresses.set(SERVER_NAME, "192.0.2.200");
  // The old address is still there, but the kernel would choose the new one.
  admin.ip("route delete default dev eth0 proto boot");
  client.host.kernel.fib.addRoute(client.host.kernel.links, {
    dst: "default",
    device: client.host.kernel.devices.get("eth0")!.index,
    protocol: 3,
    metric: null,
    via: "10.0.0.254",
    source: "10.0.0.77",
    mtu: null,
  }, false);
  admin.addAddress("eth0", "10.0.0.77/24");
  client.reload();
  await world.pass(5);
  for (
    const line of [
      "reload: the own address changed from 10.0.0.4 to 10.0.0.77",
      `reload: the address of ${SERVER_NAME} changed from 192.0.2.1 to 192.0.2.200`,
    ]
  ) assert.ok(client.hasLogged(new RegExp(line)), world.story);
  assert.ok(!client.hasLogged(/nothing changed/));
  const { outer } = client.host.kernel.devices.get("ipipou1")!;
  assert.deepEqual([outer?.local, outer?.remote], ["10.0.0.77", "192.0.2.200"]);
  client.host.resolver.addresses.delete(SERVER_NAME);
  client.reload();
  await world.pass(5);
  assert.ok(client.hasLogged(/Cannot find the IPv4 address of server\.example: .*; keeping 192\.0\.2\.200/));
  assert.ok(client.hasLogged(/reload: nothing changed/), world.story);
});

Deno.test("A reload of a server says which host of --auth-by-remote-ip has another address", async () => {
  const [first, ...others] = peersOf();
  const known = samplePeer({
    ...first,
    remote: { host: "office.example", port: null },
    byRemote: { ip: true, port: false },
  });
  const world = new World(hubOf([known, ...others]));
  world.server.host.resolver.addresses.set("office.example", "198.51.100.2");
  await world.begin();
  assert.equal(world.sendData(0), "p0", world.story);
  world.server.host.resolver.addresses.set("office.example", "198.51.100.9");
  world.server.reload();
  await world.pass(5);
  const line = /reload: the address of office\.example changed from 198\.51\.100\.2 to 198\.51\.100\.9/;
  assert.ok(world.server.hasLogged(line), world.story);
  assert.ok(!world.server.hasLogged(/nothing changed/));
  assert.equal(world.sendData(0), null);
});

Deno.test("A client follows its own address when that changes, and waits for one while there is none", async () => {
  const world = new World();
  await world.begin();
  const client = world.clients[2]!;
  const admin = world.admin(client);
  admin.flushAddresses("eth0");
  await world.pass(3);
  assert.ok(
    client.hasLogged(/<4>.*it has no IPv4 address; keeping 10\.0\.0\.4, and waiting/),
    world.story,
  );
  assert.match(
    client.status!,
    /^Cannot use the network device eth0 \(--fou-local\): it has no IPv4 address; /,
  );
  admin.addAddress("eth0", "10.0.0.4/24");
  admin.addAddress("eth0", "10.0.0.5/24");
  admin.addRoute("default dev eth0 via 10.0.0.254");
  await world.pass(35);
  assert.equal(world.sendData(2), "p2", "the old one is back");
  admin.flushAddresses("eth0");
  admin.addAddress("eth0", "10.0.0.88/24");
  admin.addRoute("default dev eth0 via 10.0.0.254");
  await world.pass(3);
  assert.ok(
    client.hasLogged(/<5>the own address changed from 10\.0\.0\.4 to 10\.0\.0\.88: following it/),
    world.story,
  );
  assert.equal(client.host.kernel.devices.get("ipipou1")?.outer?.local, "10.0.0.88");
  assert.equal(world.sendData(2), "p2", world.story);
  assert.ok(!/Cannot/.test(client.status!));
});

Deno.test("A server follows its own address when that changes", async () => {
  const world = new World();
  await world.begin();
  const admin = world.admin(world.server);
  admin.flushAddresses("eth0");
  admin.addAddress("eth0", "192.0.2.9/24");
  admin.addRoute("default dev eth0 via 192.0.2.254");
  await world.pass(3);
  assert.ok(
    world.server.hasLogged(/<5>the own address changed from 192\.0\.2\.1 to 192\.0\.2\.9: following it/),
  );
  assert.match(world.server.status!, /^waiting for clients at 192\.0\.2\.9:10000, /);
  assert.deepEqual(
    [...world.server.host.kernel.listeners.keys()].filter((key) => key.startsWith("192.")).sort(),
    ["192.0.2.9:10000", "192.0.2.9:10001"],
  );
  for (const client of world.clients) client.host.resolver.addresses.set(SERVER_NAME, "192.0.2.9");
  assert.notEqual(SERVER.ip, "192.0.2.9");
  for (const client of world.clients) client.reload();
  await world.pass(10);
  world.assertConnected();
});

Deno.test("A device that is made anew is used again, on either side, as PPP does when it dials", async () => {
  const world = new World();
  await world.begin();
  const gateways = new Map([[world.server, "192.0.2.254"], [world.clients[2]!, "10.0.0.254"]]);
  for (const [node, gateway] of gateways) {
    const admin = world.admin(node);
    const own = node === world.server ? SERVER.ip : world.insideOf(2).ip;
    admin.deleteDevice("eth0");
    await world.pass(3);
    admin.addDevice("eth0", `${own}/24`);
    admin.addRoute(`default dev eth0 via ${gateway}`);
    await world.pass(70);
    world.assertConnected();
  }
});

Deno.test("A service with nothing but link-local addresses waits for a better one, and says so", async () => {
  const world = new World();
  const client = world.clients[0]!;
  const admin = world.admin(client);
  admin.flushAddresses("eth0");
  client.host.kernel.fib.addAddress(client.host.kernel.devices.get("eth0")!, {
    local: "169.254.7.7",
    peer: "169.254.7.7",
    length: 16,
    scope: "link",
  });
  world.server.start();
  client.start();
  await world.pass(5);
  assert.equal(client.status, "waiting for the network device eth0: it has only 169.254.7.7 (link-local)");
  admin.addAddress("eth0", "10.0.0.2/24");
  admin.addRoute("default dev eth0 via 10.0.0.254");
  await world.pass(10);
  assert.equal(client.host.kernel.devices.get("ipipou1")?.outer?.local, "10.0.0.2");
  assert.equal(world.sendData(0), "p0", world.story);
});

Deno.test("A client without a route by its device says so in its status, and sends once there is one", async () => {
  const world = new World();
  const client = world.clients[0]!;
  const admin = world.admin(client);
  admin.deleteRoute("default");
  world.server.start();
  client.start();
  await world.pass(3);
  assert.match(
    client.status!,
    /^Cannot send to 192\.0\.2\.1: ENETUNREACH \(no route from 10\.0\.0\.2 by eth0\); tunnel to /,
  );
  admin.addRoute("default dev eth0 via 10.0.0.254");
  await world.pass(10);
  assert.equal(client.status, "accepted by 192.0.2.1:10000", world.story);
});

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
