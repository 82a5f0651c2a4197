import assert from "node:assert/strict";
import { formatMetrics } from "../../../lib/status/metrics.ts";
import type { TunnelStatus } from "../../../lib/status/snapshot.ts";
import { clientSettings, hubOf, peersOf, PORT, SERVER, World } from "../pair/world.ts";
import { ask, byName } from "./status_scene.ts";

Deno.test("A hub tells of its places and of each peer: where it is, since when, what came, who shares its address", async () => {
  const world = new World();
  await world.begin();
  world.sendData(0);
  world.sendBack(0);
  const { instance, tunnels } = await ask(world, world.server);
  assert.deepEqual([instance.version, instance.name, instance.role, instance.hub, instance.state], [
    ...[1, "hub", "server", true, "up"],
  ]);
  assert.deepEqual(instance.local.map(({ address, port }) => `${address}:${port}`), [
    ...[`${SERVER.ip}:10000`, `${SERVER.ip}:10001`],
  ]);
  assert.equal(instance.tunnels, 3);
  const [p0, p1, p2] = ["p0", "p1", "p2"].map((name) => byName(tunnels, name)) as [
    ...[TunnelStatus, TunnelStatus, TunnelStatus],
  ];
  assert.deepEqual([p0.state, p0.ok, p0.address, p0.peer, p0.ifname], [
    "up",
    true,
    "172.28.0.0",
    "172.28.0.1",
    "p0",
  ]);
  assert.deepEqual(p0.stats64, { rx: { bytes: 100, packets: 1 }, tx: { bytes: 100, packets: 1 } });
  assert.equal(p0.remote!.address, world.nats[0].address);
  assert.ok(p0.auth_age! < 10 && p0.reply_age === p0.auth_age, "it replies to p0");
  assert.equal(p1.reply_age, null);
  assert.deepEqual([p0.shares_with, p1.shares_with, p2.shares_with], [["p1"], ["p0"], []]);
  // The first of two behind one address has the hub's own, if it is not told otherwise.
  assert.equal([p0, p1].filter(({ private: address }) => address !== null).length, 1);
  assert.ok(p2.expires_in! > 40 && p2.expires_in! <= 60, `${p2.expires_in}`);
  assert.equal(p1.state, "accepted");
  await world.pass(20);
  assert.equal(
    byName((await ask(world, world.server)).tunnels, "p1").state,
    "authenticated, nothing received",
  );
});

Deno.test("A hub that looks at silence takes no auth packet for data", async () => {
  const world = new World();
  world.server.settings = hubOf(peersOf().map((peer) => ({ ...peer, silentAfter: 60 })));
  world.clients[0]!.settings = { ...clientSettings(0), keepalive: 8 };
  await world.begin();
  await world.pass(100);
  const p0 = byName((await ask(world, world.server)).tunnels, "p0");
  assert.deepEqual([p0.received_age, p0.stats64!.rx.bytes], [null, 0]);
  world.sendData(0);
  await world.pass(20);
  const heard = byName((await ask(world, world.server)).tunnels, "p0");
  assert.ok(heard.received_age! < 25, `${heard.received_age}`);
  await world.pass(20);
  world.natOf(0).isDead = () => true;
  await world.pass(90);
  const silent = byName((await ask(world, world.server)).tunnels, "p0");
  assert.equal(silent.state, "silent");
  const [, seconds] = /^nothing came for (\d+) s$/.exec(silent.why!)!;
  assert.ok(Number(seconds) >= 60 && Number(seconds) < silent.received_age!, silent.why!);
  const { lines } = world.server;
  assert.match(world.server.status!, /nothing comes from p0/);
  world.natOf(0).isDead = () => false;
  for (let second = 0; second < 20 && !lines.some((line) => line.includes("p0: heard again")); second++) {
    await world.pass(1);
  }
  assert.doesNotMatch(world.server.status!, /nothing comes from p0/, "its manager knows at once");
});

Deno.test("A hub says of a peer that moves back and forth why that may be, as long as it does", async () => {
  const world = new World();
  const { server } = world;
  const twin = await world.beginTwins();
  await world.pass(120);
  const look = async () => byName((await ask(world, server)).tunnels, "p0");
  const { state, ok, why, cure } = await look();
  assert.deepEqual([state, ok, cure], ["flapping", false, "give each machine a key or token of its own"]);
  const places = world.nats.map(({ address }) => address).join("|");
  assert.match(
    why!,
    new RegExp(`^between (${places}):\\d+ and (${places}):\\d+: two machines use its key or token, `),
  );
  const warning = server.lines.find((line) => line.includes("moves back and forth"))!;
  for (const place of /between (\S+) and ([^:]+:\d+)/.exec(why!)!.slice(1)) {
    assert.ok(warning.includes(place), warning);
  }
  for (let round = 0; round < 5; round++) {
    await world.pass(5);
    assert.equal((await look()).why, why, "wherever it is just now");
  }
  world.sendData(0);
  await twin.stop();
  await world.pass(90);
  assert.deepEqual([(await look()).state, (await look()).ok], ["up", true]);
});

Deno.test("A peer that was parked and has come back does not move back and forth", async () => {
  const world = new World();
  const { server, clients: [first] } = world;
  const twin = await world.beginTwins();
  await world.pass(120);
  const stateNow = async () => byName((await ask(world, server)).tunnels, "p0").state;
  assert.equal(await stateNow(), "flapping");
  for (const client of [twin, first!]) await client.stop();
  await world.pass(2);
  assert.equal(await stateNow(), "parked");
  first!.start();
  await world.pass(5);
  assert.equal(await stateNow(), "accepted");
});

Deno.test("A hub counts moves, and says why a peer is parked, refused or waited for", async () => {
  const world = new World();
  world.server.start();
  await world.pass(1);
  const before = await ask(world, world.server, { get: "status", peer: "p1" });
  assert.deepEqual(before.tunnels.map(({ name, state, why }) => [name, state, why]), [
    ["p1", "waiting", "its first auth packet"],
  ]);
  for (const client of world.clients) client.start();
  await world.pass(5);
  world.natOf(0).forget();
  world.clients[0]!.authenticate();
  await world.pass(5);
  await world.clients[2]!.stop();
  await world.pass(5);
  const { instance, tunnels } = await ask(world, world.server);
  assert.deepEqual([byName(tunnels, "p0").moves, byName(tunnels, "p1").moves], [1, 0]);
  assert.notEqual(byName(tunnels, "p0").state, "flapping");
  const { state, why, ok } = byName(tunnels, "p2");
  assert.deepEqual([state, why, ok], ["parked", "it said good-bye", false]);
  assert.deepEqual(instance.refused, { count: 0, last: null });
  world.attack({ ip: "203.0.113.7", port: 9 }, new TextEncoder().encode("x token of 24 characters"));
  await world.pass(1);
  const { refused } = (await ask(world, world.server)).instance;
  assert.equal(refused!.count, 1);
  assert.deepEqual([refused!.last!.address, refused!.last!.port], ["203.0.113.7", 9]);
});

Deno.test("A hub forgets what happened to a peer that its settings no longer have, and keeps what others did", async () => {
  const world = new World();
  await world.begin();
  world.natOf(0).forget();
  for (const client of [0, 1]) world.clients[client]!.authenticate();
  await world.pass(5);
  const movesOf = async () =>
    (await ask(world, world.server)).tunnels.map(({ name, moves }) => `${name} ${moves}`);
  assert.deepEqual(await movesOf(), ["p0 1", "p1 1", "p2 0"]);
  world.server.reload(hubOf(peersOf().slice(1)));
  await world.pass(5);
  assert.deepEqual(await movesOf(), ["p1 1", "p2 0"]);
  world.server.reload(hubOf(peersOf()));
  await world.pass(5);
  assert.deepEqual(await movesOf(), ["p0 0", "p1 1", "p2 0"]);
});

Deno.test("A peer's last auth packet counts from when the kernel follows it, which may refuse to for a while", async () => {
  const world = new World();
  await world.begin();
  const { kernel } = world.server.host;
  kernel.refuses = () => "Operation not permitted";
  world.nats[0].forget();
  world.clients[1]!.authenticate();
  await world.pass(60);
  kernel.refuses = () => null;
  await world.pass(3);
  const p1 = byName((await ask(world, world.server)).tunnels, "p1");
  assert.equal(world.sendData(1), "p1", world.story);
  assert.ok(p1.auth_age! < 5, `${p1.auth_age}`);
});

Deno.test("A hub that cannot send its replies says so once, with the cure, and tells of none as sent", async () => {
  const world = new World();
  const { server } = world;
  // If it were bound to a device, they would be sent even without a route.
  server.settings = hubOf(peersOf(), { local: { ip: SERVER.ip, device: null, ports: [PORT] } });
  world.admin(server).deleteRoute("default");
  await world.begin();
  await world.pass(60);
  const told = () => server.lines.filter((line) => line.includes("p0: no reply to"));
  const warnings = () => told().filter((line) => line.includes("Warning: "));
  const look = async () => byName((await ask(world, server)).tunnels, "p0");
  assert.ok(told().length > 2, world.story);
  assert.equal(warnings().length, 1, world.story);
  assert.match(
    warnings()[0]!,
    /p0: no reply to \S+: Cannot send to \S+: ENETUNREACH .*; this host needs a route there: ip route get /,
  );
  const { state, ok, why, reply_age: age } = await look();
  assert.deepEqual([state, ok, age], ["faulty", false, null]);
  assert.match(why!, /^no reply can be sent: Cannot send to .*; this host needs a route there: /);
  world.admin(server).addRoute("default dev eth0 via 192.0.2.254");
  await world.pass(60);
  assert.equal(server.lines.filter((line) => line.includes("p0: replies can be sent again")).length, 1);
  const restored = await look();
  assert.ok(restored.ok && restored.reply_age !== null, JSON.stringify(restored));
  world.admin(server).deleteRoute("default");
  await world.pass(60);
  assert.equal(warnings().length, 2, "it is another time");
  assert.ok((await look()).reply_age! > 30, "the last that was sent");
  server.settings = { ...server.settings, peers: peersOf({ reply: false }) };
  server.reload();
  await world.pass(5);
  assert.ok((await look()).ok, "where it gets none, none is missing");
});

Deno.test("A moment is told with the same time whenever somebody asks, and with another one once the clock was set", async () => {
  const world = new World();
  await world.begin();
  /** The moments of the metrics. */
  const moments = async () => {
    const { instance, tunnels } = await ask(world, world.server);
    const text = formatMetrics([{ instance, tunnels: [byName(tunnels, "p1")] }], "text");
    return [...text.matchAll(/^(\w+_seconds)\{.*\} (\S+)$/gm)].map((
      [, name, value],
    ) => [name!, Number(value)]);
  };
  const first = await moments();
  assert.deepEqual(first.map(([name]) => name), [
    "ipipou_instance_start_time_seconds",
    "ipipou_tunnel_last_authentication_timestamp_seconds",
  ]);
  for (const [, time] of first) assert.ok(Math.abs(Number(time) - world.clock.unixTime()) < 60);
  for (let look = 0; look < 20; look++) {
    await world.clock.advance(130.4);
    assert.deepEqual(await moments(), first);
  }
  world.clock.jump(3_600);
  // It authenticates at once when the clock is set.
  const [[, started]] = await moments() as [[string, number]];
  assert.ok(Math.abs(started - Number(first[0]![1]) - 3_600) <= 1);
});

Deno.test("Nothing is said to have come from a peer after it left", async () => {
  const world = new World();
  await world.begin();
  const look = async () => byName((await ask(world, world.server)).tunnels, "p0");
  await look();
  world.sendData(0);
  await world.clients[0]!.stop();
  await world.pass(30);
  const { state, received_age: age } = await look();
  assert.deepEqual([state, age], ["parked", null]);
});
