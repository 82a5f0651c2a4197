import assert from "node:assert/strict";
import { hubOf, peersOf, World } from "./pair/world.ts";

/** Private addresses that the server has, and those of them that it is known by. */
function privateAddresses({ server }: World) {
  const { kernel } = server.host;
  const had = [...kernel.devices.values()].flatMap(({ name, addresses }) =>
    addresses.filter(({ local }) => /^(172\.29|198\.18)\./.test(local)).map(({ local }) => `${local} ${name}`)
  );
  return { had, known: had.filter((line) => kernel.isLocal(line.split(" ")[0]!)) };
}

/** A hub whose peers have no private address of their own. */
function newWorld(privateNet = "172.29.0.0/16"): World {
  return new World(hubOf(peersOf({ altIp: null, lifetime: 0 }), { privateNet }));
}

Deno.test("A private address is on the loopback device, and nobody is told that it is here", async () => {
  const world = newWorld();
  await world.begin();
  world.assertConnected();
  assert.deepEqual(privateAddresses(world), { had: ["172.29.0.0 lo"], known: [] });
  await world.server.stop();
  assert.deepEqual(privateAddresses(world).had, []);
});

Deno.test("A private address that got a route to this host, as by a kill in between, loses it at the next look", async () => {
  const world = newWorld();
  await world.begin();
  const { kernel } = world.server.host;
  const expose = () => kernel.ip("route replace local 172.29.0.0 dev lo proto kernel table local");
  expose();
  world.server.kill();
  world.server.start();
  await world.pass(5);
  world.assertConnected();
  assert.deepEqual(privateAddresses(world), { had: ["172.29.0.0 lo"], known: [] });
});

Deno.test("A private address is none of a network that is connected or routed here, but of a network that routes lead nowhere", async () => {
  const world = newWorld();
  const admin = world.admin(world.server);
  world.server.host.kernel.addDevice("br1", { addresses: ["172.29.0.254/24"] });
  admin.addRoute("172.29.1.0/31 dev br1");
  admin.addRoute("128.0.0.0/1 dev eth0");
  await world.begin();
  world.assertConnected();
  assert.deepEqual(privateAddresses(world).had, ["172.29.1.2 lo", "172.29.0.254 br1"]);
});

Deno.test("A private address moves when a network with it appears, and no peer loses its tunnel", async () => {
  const world = newWorld();
  await world.begin();
  world.server.host.kernel.addDevice("br1", { addresses: ["172.29.0.254/24"] });
  await world.pass(3);
  assert.deepEqual(privateAddresses(world).had, ["172.29.1.0 lo", "172.29.0.254 br1"]);
  world.assertConnected();
  world.admin(world.server).addRoute("172.29.0.0/16 dev br1");
  await world.pass(3);
  assert.match(
    world.server.status!,
    /kept out: p1: .*all private addresses of 172\.29\.0\.0\/16 are in use; choose another --fou-private-net/,
  );
  world.server.reload(
    hubOf(peersOf({ altIp: null, lifetime: 0 }), { privateNet: "198.18.0.0/24", firstAltIp: "198.18.0.0" }),
  );
  await world.pass(3);
  world.assertConnected();
  assert.deepEqual(privateAddresses(world).had, ["198.18.0.0 lo", "172.29.0.254 br1"]);
});

Deno.test("A clash of default tunnel addresses with a network here is named at the start, with the option that cures it", async () => {
  const world = newWorld();
  world.server.host.kernel.addDevice("docker0", { addresses: ["172.28.0.1/16"] });
  await world.begin();
  const clash =
    /Warning: tunnel address 172\.28\.0\.0 and 5 more: 172\.28\.0\.0\/16 \(dev docker0\) is in use here, .*--tunl-net/;
  assert.ok(world.server.hasLogged(clash), world.story);
  assert.ok(!world.clients[0]!.hasLogged(/is in use here/));
  world.server.kill();
  world.server.lines.length = 0;
  world.server.start();
  await world.pass(5);
  // Meanwhile there are more specific routes, our own.
  assert.ok(!world.server.hasLogged(/172\.28\.0\.1\/32/), world.story);
});
