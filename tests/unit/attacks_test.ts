import assert from "node:assert/strict";
import { IMPOSSIBLE, World } from "./pair/world.ts";

/** Those of them that the registrar can tell without the kernel's routes. */
const IMPOSSIBLE_ANYWHERE = IMPOSSIBLE.filter((ip) => ip !== "192.0.2.255");

/** A server, two clients with a tunnel, and a third one that has none yet. */
async function scene(): Promise<World> {
  const world = new World();
  world.server.start();
  await world.pass(1);
  for (const client of world.clients.slice(0, 2)) client.start();
  await world.pass(2);
  return world;
}

Deno.test("an auth packet from an address that no other host has reaches no queue and changes nothing", async () => {
  const world = await scene();
  const [before] = world.snapshots();
  for (const client of [0, 2]) {
    for (const ip of IMPOSSIBLE) {
      assert.equal(world.server.host.receive(world.forge(client, ip)).kind, "dropped", ip);
    }
  }
  await world.pass(5);
  assert.deepEqual(world.snapshots()[0], before);
});

Deno.test("an auth packet from an address that no other host has is refused, also if it comes through the queue", async () => {
  const world = await scene();
  const [before] = world.snapshots();
  const { length } = world.server.lines;
  for (const client of [0, 2]) {
    for (const ip of IMPOSSIBLE_ANYWHERE) world.server.host.queues.get(0)!.put(world.forge(client, ip));
    await world.pass(5);
  }
  const refused = world.server.lines.slice(length).filter((line) => line.includes("refused"));
  assert.match(refused.join("\n"), /not from an address of another host/);
  assert.deepEqual(world.snapshots()[0], before);
  for (const client of world.clients) client.start();
  await world.pass(30);
  world.assertConnected();
});

Deno.test("a tunnel that others moved to an address that no other host has is parked at a start", async () => {
  const world = await scene();
  world.server.kill();
  for (const ip of ["127.0.0.1", "224.0.0.1"]) {
    assert.ok(world.admin(world.server).moveTunnel("p0", "192.0.2.1", ip));
    world.server.start();
    await world.pass(2);
    assert.equal(world.placeOf(0), null, ip);
    world.server.kill();
  }
  world.server.start();
  await world.pass(1);
  world.clients[0]!.authenticate();
  await world.pass(2);
  assert.equal(world.sendData(0), "p0");
});
