import assert from "node:assert/strict";
import { ask, byName } from "./daemon/status_scene.ts";
import { changesIn, runsDuring } from "./pair/commands.ts";
import { hubOf, peersOf, World } from "./pair/world.ts";

/** A hub and its clients, of which the first one's device is in another network namespace. */
async function withOneElsewhere(): Promise<World> {
  const world = new World();
  await world.begin();
  assert.ok(world.admin(world.server).moveElsewhere("p0"));
  return world;
}

Deno.test("A tunnel device that was moved to another network namespace is told, and its peer gets a private address", async () => {
  const world = await withOneElsewhere();
  const { server } = world;
  const [first, second, third] = peersOf();
  server.reload(hubOf([first!, second!]));
  await world.pass(2);
  server.reload(hubOf([first!, second!, third!]));
  world.nats[0].forget();
  for (const client of world.clients) client.authenticate();
  await world.pass(2);
  world.assertConnected();
  const cure =
    /Warning: p0: a tunnel device from 192\.0\.2\.1 to 198\.51\.100\.2 was moved .*ip -n NETNS link delete NAME/;
  assert.equal(server.lines.filter((line) => cure.test(line)).length, 1, world.story);
  const quiet = await runsDuring(server, () => world.pass(300));
  assert.ok(!changesIn(quiet).includes("ip"), quiet.join("\n"));
});

Deno.test("A newcomer is not in trouble because of a device that was moved to another network namespace", async () => {
  const world = await withOneElsewhere();
  const { server } = world;
  const [, second, third] = peersOf();
  server.kill();
  server.settings = hubOf([second!, third!]);
  world.server.host.kernel.ip("link delete dev p1");
  server.start();
  await world.pass(1);
  for (const client of world.clients) client.authenticate();
  await world.pass(2);
  assert.deepEqual([0, 1, 2].map((client) => world.sendData(client)), [null, "p1", "p2"], world.story);
});

Deno.test("A peer of which the kernel refuses something is kept out alone, named in log and status, and in once that works", async () => {
  const world = new World();
  const { server } = world;
  server.host.kernel.refuses = (line) =>
    line.startsWith("link add name p0") ? "No buffer space available" : null;
  await world.begin();
  assert.deepEqual([0, 1, 2].map((client) => world.sendData(client)), [null, "p1", "p2"], world.story);
  await world.pass(120);
  const told = server.lines.filter((line) =>
    /<3>Error: p0: Cannot run 'ip link add name p0 .*No buffer space/.test(line)
  );
  assert.equal(told.length, 1, world.story);
  assert.match(
    server.status!,
    /; 2 of 3 peers admitted; kept out: p0: Cannot run 'ip link add name p0 .*No buffer/,
  );
  const runs = await runsDuring(server, () => world.pass(300));
  assert.ok(changesIn(runs).length < 50, `${runs.length} programs in 300 s`);
  server.host.kernel.refuses = () => null;
  await world.pass(30);
  assert.equal(world.sendData(0), "p0", world.story);
  assert.ok(server.hasLogged(/p0: nothing is in its way any more/));
  assert.doesNotMatch(server.status!, /kept out/);
});

Deno.test("A peer that was kept out is told of as up once nothing is in its way, without another packet of its", async () => {
  const world = new World();
  const { server, clients } = world;
  server.host.kernel.refuses = (line) =>
    line.startsWith("link add name p0") ? "No buffer space available" : null;
  await world.begin();
  clients[0]!.kill();
  assert.ok(!server.hasLogged(/p0: tunnel up to/));
  server.host.kernel.refuses = () => null;
  await world.pass(60);
  assert.ok(server.hasLogged(/p0: nothing is in its way any more/));
  assert.equal(server.lines.filter((line) => /p0: tunnel up to/.test(line)).length, 1, world.story);
  const { tunnels } = await ask(world, server);
  const { state, auth_age: auth } = byName(tunnels, "p0");
  assert.deepEqual([state, typeof auth], ["authenticated, nothing received", "number"]);
});

Deno.test("A client whose device was moved to another network namespace says so, and goes on within 30 s once it is gone", async () => {
  const world = new World();
  await world.begin();
  const [client] = world.clients;
  world.admin(client!).moveElsewhere("ipipou1");
  await world.pass(60);
  assert.ok(
    client!.hasLogged(/was moved to another network namespace, .*ip -n NETNS link delete NAME/),
    world.story,
  );
  client!.host.kernel.links.elsewhere.clear();
  await world.pass(60);
  assert.equal(world.sendData(0), "p0", world.story);
});

for (const pause of [0, 10]) {
  Deno.test(`A stop ${pause} s after a device was moved to another network namespace removes it there`, async () => {
    const world = await withOneElsewhere();
    const { kernel } = world.server.host;
    await world.pass(pause);
    await world.server.stop();
    assert.equal(world.server.end, "stopped");
    assert.equal(kernel.links.elsewhere.size, 0);
    assert.ok(world.server.hasLogged(/removed p0 from the network namespace box, where it was moved to/));
  });
}

Deno.test("A stop leaves what is not ours in another network namespace", async () => {
  const world = await withOneElsewhere();
  const { kernel } = world.server.host;
  const [device] = kernel.links.elsewhere;
  device!.alias = "ipipou:other";
  await world.pass(10);
  await world.server.stop();
  assert.equal(world.server.end, "stopped");
  assert.equal(kernel.links.elsewhere.size, 1);
  assert.ok(
    world.server.hasLogged(
      /Warning: a tunnel device from 192\.0\.2\.1 to 198\.51\.100\.2 stays in the network namespace that it was moved to: /,
    ),
  );
});

Deno.test("A tunnel whose name is another device's alternative name is not tried", async () => {
  const world = new World();
  const { kernel } = world.server.host;
  kernel.devices.get("eth0")!.altnames.push("p0");
  await world.begin();
  assert.equal(world.sendData(1), "p1");
  assert.ok(
    world.server.hasLogged(/device p0: there is a device of this name.*\(an alternative name of eth0\)/),
  );
  assert.ok(!world.server.hasLogged(/File exists/));
});
