import assert from "node:assert/strict";
import { clientSettings, hubOf, peersOf, SERVER, SERVER_NAME, World } from "./pair/world.ts";
import { samplePeer } from "./samples.ts";

/** A world whose first client has no keepalive of its own. The server replies to it. */
async function withoutKeepalive(): Promise<World> {
  const world = new World();
  world.clients[0]!.settings = { ...clientSettings(0), keepalive: null };
  await world.begin();
  return world;
}

Deno.test("A client without keepalive is back 30 seconds after its server lost it, where that replies, by no news", async () => {
  const world = await withoutKeepalive();
  assert.equal(world.sendData(0), "p0");
  for (const pause of [0, 7, 100]) {
    world.nats[0].losses = Infinity;
    await world.server.stop();
    await world.pass(pause);
    world.server.start();
    // It says three times that it has started.
    await world.pass(5);
    world.nats[0].losses = 0;
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
  assert.ok(!client.hasLogged(/no setting changed/));
  const { outer } = client.host.kernel.devices.get("ipipou1")!;
  assert.deepEqual([outer?.local, outer?.remote], ["10.0.0.77", "192.0.2.200"]);
  client.host.resolver.addresses.delete(SERVER_NAME);
  client.reload();
  await world.pass(5);
  assert.ok(client.hasLogged(/Cannot find the IPv4 address of server\.example: .*; keeping 192\.0\.2\.200/));
  assert.ok(client.hasLogged(/reload: no setting changed/), world.story);
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
  assert.ok(!world.server.hasLogged(/no setting changed/));
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
    /^Cannot send to 192\.0\.2\.1: ENETUNREACH \(no route from 10\.0\.0\.2 by eth0\); this host needs a route there: ip route get 192\.0\.2\.1 from 10\.0\.0\.2 oif eth0; tunnel to /,
  );
  admin.addRoute("default dev eth0 via 10.0.0.254");
  await world.pass(10);
  assert.equal(client.status, "accepted by 192.0.2.1:10000", world.story);
});

Deno.test("A server that has no route to a client by its device says so instead of a reply to nobody", async () => {
  const world = new World();
  const { server } = world;
  await world.begin();
  assert.ok(!server.hasLogged(/ENETUNREACH/), world.story);
  world.admin(server).deleteRoute("default");
  await world.pass(3);
  world.clients[0]!.authenticate();
  await world.pass(5);
  assert.ok(server.hasLogged(/no route from 192\.0\.2\.1 by eth0/), world.story);
});
