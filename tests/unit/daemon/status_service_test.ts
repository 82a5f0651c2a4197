import assert from "node:assert/strict";
import type { StatusConnection } from "../../../lib/ports.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import { LineReader, writeText } from "../../../lib/status/lines.ts";
import type { InstanceStatus, TunnelStatus } from "../../../lib/status/snapshot.ts";
import type { Node } from "../pair/node.ts";
import { clientSettings, hubOf, peersOf, SERVER, World } from "../pair/world.ts";

type Fields = Record<string, unknown>;

/** Asks a node on a connection of its own, or on one that is given. */
async function ask(
  world: World,
  node: Node,
  request: object = { get: "status" },
  connection: StatusConnection = connect(node),
): Promise<{ instance: InstanceStatus & { tunnels: number }; tunnels: TunnelStatus[] }> {
  const lines = await linesOf(world, connection, `${JSON.stringify(request)}\n`, (lines) => {
    return lines.length > 0 && lines.length === 1 + Number(lines[0]!["tunnels"]);
  });
  const [instance, ...tunnels] = lines as unknown as [
    InstanceStatus & { tunnels: number },
    ...TunnelStatus[],
  ];
  return { instance, tunnels };
}

function connect(node: Node): StatusConnection {
  const [socket] = node.host.statusSockets.values();
  return socket!.connect();
}

/** Writes a text, and reads lines until that are all, or the connection ends. */
async function linesOf(
  world: World,
  connection: StatusConnection,
  text: string,
  areAll: (lines: readonly Fields[]) => boolean,
): Promise<Fields[]> {
  const reader = new LineReader(connection, 1_000_000);
  const lines: Fields[] = [];
  let isOver = false;
  const reading = (async () => {
    while (!areAll(lines)) {
      const line = await reader.next();
      if (line === null) break;
      lines.push(JSON.parse(line));
    }
    isOver = true;
  })();
  await writeText(connection, text);
  for (let turn = 0; turn < 2_000 && !isOver; turn++) {
    await new Promise((resolve) => setTimeout(resolve));
    await world.clock.advance(1);
  }
  assert.ok(isOver, `only ${lines.length} lines came`);
  await reading;
  return lines;
}

function byName(tunnels: readonly TunnelStatus[], name: string): TunnelStatus {
  return tunnels.find((tunnel) => tunnel.name === name) ?? assert.fail(`no ${name}`);
}

Deno.test("A FOU port that was deleted is back once somebody has asked, on either side", async () => {
  const world = new World();
  await world.begin();
  const [client] = world.clients;
  for (const [node, port] of [[world.server, "192.0.2.1"], [client!, "10.0.0.2"]] as const) {
    await world.pass(2);
    const before = world.snapshots();
    const { length } = world.seen;
    assert.ok(world.admin(node).deleteFouPort(`port 10000 local ${port}`));
    assert.notDeepEqual(world.snapshots(), before);
    await ask(world, node);
    await world.clock.advance(100);
    assert.deepEqual(world.snapshots(), before, world.story);
    assert.equal(world.seen.length, length, "no auth packet came meanwhile");
    assert.equal((await ask(world, node)).instance.heals, 1);
  }
});

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

Deno.test("An instance tells why its last reload failed, until one succeeds", async () => {
  const world = new World();
  await world.begin();
  const { server } = world;
  const look = async () => (await ask(world, server)).instance;
  assert.equal((await look())["reload_failed"], null);
  const { settings } = server;
  server.reload(new Error(`hub.toml:3:1: ${"long ".repeat(10_000)}`));
  await world.pass(10);
  const { state, "reload_failed": failed } = await look();
  assert.equal(state, "up");
  assert.ok(failed!.why.startsWith("hub.toml:3:1: long") && failed!.why.length === 500, failed!.why);
  assert.ok(failed!.age >= 9 && failed!.age < 20, `${failed!.age}`);
  server.reload(settings as Settings);
  await world.pass(4);
  assert.equal((await look())["reload_failed"], null);
});

Deno.test("A client whose data gets no answer is not up, however often it is accepted", async () => {
  const world = new World();
  world.clients[0]!.settings = { ...clientSettings(0), keepalive: 8 };
  await world.begin();
  const look = async () => (await ask(world, world.clients[0]!)).tunnels[0]!;
  const received = ({ stats64, received_age }: TunnelStatus) => [stats64!.rx, received_age === null];
  await world.pass(12);
  const idle = await look();
  assert.deepEqual([idle.state, idle.ok], ["authenticated, nothing received", true]);
  for (let round = 0; round < 4; round++) {
    world.sendData(0);
    await world.pass(8);
    const { state, ok, ...rest } = await look();
    assert.deepEqual([state, ok], ["authenticated, nothing received", false], world.story);
    assert.deepEqual(received(rest as TunnelStatus), [{ bytes: 0, packets: 0 }, true]);
  }
  world.sendBack(0);
  const answered = await look();
  assert.deepEqual([answered.state, answered.ok], ["up", true]);
  assert.deepEqual(received(answered), [{ bytes: 100, packets: 1 }, false]);
  for (let round = 0; round < 4; round++) {
    world.sendData(0);
    await world.pass(8);
  }
  const { state, ok, why, cure, received_age: age } = await look();
  assert.deepEqual([state, ok], ["silent", false], world.story);
  assert.ok(
    age! > 30 && why === `nothing came for ${Math.round(age!)} s, though something was sent`,
    `${why}, ${age}`,
  );
  assert.match(cure!, /firewall of 192\.0\.2\.1:10000/);
  world.sendBack(0);
  assert.equal((await look()).state, "up");
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

Deno.test("A client tells whether it is accepted, and what it waits for before it is ready", async () => {
  const world = new World();
  const [client] = world.clients;
  client!.start();
  await world.pass(2);
  const early = await ask(world, client!);
  assert.deepEqual([early.instance.role, early.tunnels[0]!.state], ["client", "authenticating"]);
  await world.pass(10);
  const late = (await ask(world, client!)).tunnels[0]!;
  assert.deepEqual([late.state, late.ok], ["set up, not yet accepted", false]);
  assert.match(late.cure!, /whether the server runs/);
  world.server.start();
  await world.pass(60);
  // The device counts replies as received, too.
  const idle = (await ask(world, client!)).tunnels[0]!;
  assert.deepEqual([idle.state, idle.ok], ["authenticated, nothing received", true]);
  world.sendData(0);
  world.sendBack(0);
  const { state, remote, stats64 } = (await ask(world, client!)).tunnels[0]!;
  assert.deepEqual([state, remote], ["up", { address: SERVER.ip, port: 10_000 }]);
  assert.deepEqual(stats64!.rx, { bytes: 100, packets: 1 });
});

Deno.test("An instance tells what it waits for before it is ready, and what keeps it from working", async () => {
  const world = new World();
  const settings = hubOf(peersOf());
  world.server.settings = { ...settings, local: { ...settings.local, device: "eth7" } };
  world.server.start();
  await world.pass(1);
  const { instance } = await ask(world, world.server);
  assert.deepEqual([instance.state, instance.ok, instance.tunnels], ["waiting", false, 0]);
  assert.match(instance.why!, /network device eth7: there is no such device/);
});

Deno.test("A status has no secret", async () => {
  const world = new World();
  await world.begin();
  for (const node of world.nodes) {
    const text = JSON.stringify(await ask(world, node));
    assert.doesNotMatch(text, /a token of 24|privateKey|secret/);
  }
  assert.notEqual(clientSettings(0).peers[0]!.scheme, null);
});

Deno.test("A connection takes one request after another, and ends at anything that is none", async () => {
  const world = new World();
  await world.begin();
  const connection = connect(world.server);
  for (let turn = 0; turn < 3; turn++) {
    assert.equal((await ask(world, world.server, { get: "status" }, connection)).tunnels.length, 3);
  }
  for (const text of ["{}\n", "status\n", '{"get":"secrets"}\n', '{"get":"status","peer":7}\n']) {
    const lines = await linesOf(world, connect(world.server), text, () => false);
    assert.deepEqual(lines, [{ version: 1, error: "not a request" }], text);
  }
  assert.deepEqual(await linesOf(world, connect(world.server), "x".repeat(2_000), () => false), []);
  assert.deepEqual(
    await linesOf(world, connect(world.server), '{"get":"sta', (lines) => lines.length === 0),
    [],
  );
});

Deno.test("Who does not read or says nothing is sent away, and others get their answer", async () => {
  const peers = Array.from({ length: 1_000 }, (_, index) => ({
    ...peersOf()[1]!,
    name: `peer${index}`,
    tunnel: {
      ...peersOf()[1]!.tunnel,
      device: `peer${index}`,
      peerIp: `172.28.${index >> 8}.${index & 255}`,
    },
    scheme: { kind: "token", token: new TextEncoder().encode(`a token of 24 letters ${index}`) } as const,
  }));
  const world = new World(hubOf(peers));
  world.server.start();
  await world.pass(2);
  const [deaf, dumb] = [connect(world.server), connect(world.server)];
  await writeText(deaf, '{"get":"status"}\n');
  for (let second = 0; second < 25; second++) {
    await new Promise((resolve) => setTimeout(resolve));
    await world.pass(1);
  }
  const { tunnels } = await ask(world, world.server);
  assert.equal(tunnels.length, 1_000);
  await assert.rejects(writeText(dumb, '{"get":"status"}\n'), Deno.errors.BrokenPipe);
});

Deno.test("The ninth to ask at once takes the place of the first", async () => {
  const world = new World();
  await world.begin();
  const first = connect(world.server);
  const others = Array.from({ length: 8 }, () => connect(world.server));
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(await first.read(new Uint8Array(1)), null);
  for (const connection of others) {
    assert.equal((await ask(world, world.server, { get: "status" }, connection)).tunnels.length, 3);
  }
});

Deno.test("An instance that cannot open its socket says so and works without", async () => {
  const world = new World();
  world.server.host.failSockets = "Permission denied";
  await world.begin();
  assert.ok(
    world.server.hasLogged(/Warning: Cannot offer a status: Permission denied; ipipou status can only ask/),
  );
  world.assertConnected();
});
