import assert from "node:assert/strict";
import { World } from "./pair/world.ts";

/** Unix seconds of a clock that was never set. */
const UNSET = 100;
const NOW = 1_795_219_200;

/** A world whose clock says 1970 when everything starts. */
async function unsetWorld(): Promise<World> {
  const world = new World();
  world.clock.setUnixTime(UNSET);
  await world.begin();
  return world;
}

Deno.test("A client with a key waits for a clock that was never set, says so once, and authenticates as soon as it is set", async () => {
  const world = await unsetWorld();
  const [client] = world.clients;
  const waiting =
    /waiting for this host's clock to be set, as it says 1970-01-01: auth packets with a wrong time/;
  assert.match(client!.status!, waiting);
  assert.equal(world.seen.length, 1, "only the client with a token needs no time");
  await world.pass(10);
  assert.equal(world.seen.length, 1);
  assert.equal(client!.lines.filter((line) => waiting.test(line)).length, 1, world.story);
  world.clock.setUnixTime(NOW);
  await world.clock.advance(500);
  assert.equal(world.sendData(0), "p0", world.story);
  assert.ok(client!.hasLogged(/<5>the clock went forward by \d+ s/));
  assert.doesNotMatch(client!.status!, waiting);
});

Deno.test("A client whose clock nobody sets tries after 30 seconds all the same, for servers that do not look at the time", async () => {
  const world = await unsetWorld();
  await world.pass(30);
  assert.equal(world.sendData(0), "p0", world.story);
  assert.match(world.clients[0]!.status!, /^waiting for this host's clock to be set/);
});

Deno.test("A server whose clock was never set says so once, until it is set", async () => {
  const world = await unsetWorld();
  const { server } = world;
  const waiting = /waiting for this host's clock to be set, as it says 1970-01-01: signed auth packets/;
  await world.pass(40);
  assert.match(server.status!, waiting);
  assert.equal(server.lines.filter((line) => waiting.test(line)).length, 1);
  world.clock.setUnixTime(NOW);
  await world.pass(1);
  assert.match(server.status!, /^waiting for clients/);
});

Deno.test("A client authenticates at once when its host was suspended or the clock set, not when it is corrected by less", async () => {
  const world = new World();
  await world.begin();
  const count = () => world.seen.length;
  const before = count();
  world.clock.jump(1);
  await world.pass(1);
  assert.equal(count(), before);
  world.clock.jump(3_600);
  await world.pass(1);
  assert.equal(count(), before + world.clients.length, world.story);
  assert.ok(world.clients[1]!.hasLogged(/the clock went forward by 3600 s, or this host was suspended/));
});

Deno.test("A client says what its clock does while it runs", async () => {
  const world = new World();
  await world.begin();
  const [client] = world.clients;
  world.clock.setUnixTime(UNSET);
  await world.pass(1);
  assert.ok(client!.hasLogged(/<5>the clock went back by \d+ s$/), world.story);
  assert.ok(client!.hasLogged(/<4>Warning: waiting for this host's clock to be set, as it says 1970-01-01/));
});
