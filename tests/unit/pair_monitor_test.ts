import assert from "node:assert/strict";
import type { Settings } from "../../lib/settings/settings.ts";
import { clientSettings, hubOf, KEEPALIVE, peersOf, PORT, SERVER, SERVER_NAME, World } from "./pair/world.ts";

/** Seconds within which a client has noticed silence and taken each of three steps: a keepalive, and four replies missed. */
const LADDER = KEEPALIVE + 40;

/** A world whose client, which expects replies if it is the first one, has these settings. */
function worldOf(client: number, fields: Partial<Settings>): World {
  const world = new World();
  world.clients[client]!.settings = { ...clientSettings(client), ...fields };
  return world;
}

/** The UDP ports of a client's FOU listeners. */
function portsOf(world: World, client: number): number[] {
  return world.clients[client]!.host.kernel.fou.all.map(({ port }) => port);
}

function movesOf(world: World, client: number): string[] {
  return world.clients[client]!.lines.filter((line) => /going (from|on|there|back)/.test(line));
}

const PORT_STEP = { port: true, ping: false };

Deno.test("A client whose NAT keeps a dead way goes to another UDP port: listener, tunnel and auth packets", async () => {
  const world = worldOf(0, { monitor: PORT_STEP });
  await world.begin();
  world.natOf(0).isDead = ({ source }) => source.ip === world.insideOf(0).ip && source.port === PORT;
  await world.pass(LADDER);
  assert.equal(world.sendData(0), "p0", world.story);
  assert.equal(world.sendBack(0), 0, world.story);
  const [port, ...others] = portsOf(world, 0);
  assert.ok(port! >= 49_152 && others.length === 0, `${portsOf(world, 0)}`);
  assert.match(
    movesOf(world, 0)[0]!,
    /<5>ipipou1: no reply from 192\.0\.2\.1:10000: going from UDP port 10000 to \d+, as a NAT may keep/,
  );
  await world.pass(600);
  assert.deepEqual(portsOf(world, 0), [port], "it stays where it is answered");
  world.clients[0]!.reload();
  await world.pass(5);
  assert.deepEqual(portsOf(world, 0), [port], "also over a reload");
  assert.equal(world.sendData(0), "p0");
});

Deno.test("A client is back by another UDP port three seconds after the first packet without an answer", async () => {
  const world = worldOf(0, { monitor: PORT_STEP });
  await world.begin();
  world.natOf(0).isDead = ({ source }) => source.ip === world.insideOf(0).ip && source.port === PORT;
  const sent = () => world.clients[0]!.lines.filter((line) => /sent auth packet/.test(line)).length;
  const before = sent();
  while (sent() === before) await world.pass(0.1);
  await world.pass(3.3);
  assert.equal(world.sendData(0), "p0", world.story);
});

Deno.test("A client of a server that is down stays where it is, and is back soon", async () => {
  const fallbacks = [{ host: SERVER.ip, port: PORT + 1 }];
  const world = worldOf(0, { monitor: PORT_STEP, fallbacks });
  await world.begin();
  await world.server.stop();
  await world.pass(300);
  assert.deepEqual([movesOf(world, 0), portsOf(world, 0)], [[], [PORT]]);
  world.server.start();
  await world.pass(45);
  assert.equal(world.sendData(0), "p0", world.story);
});

Deno.test("A client is where its server takes it to be as soon as all ways are back at once, whichever answer is first", async () => {
  for (const [seconds, lag] of [[10, 0], [10, 50], [25, 50], [40, 1_000], [70, 3_000]] as const) {
    const world = worldOf(0, { monitor: PORT_STEP });
    await world.begin();
    const { lines } = world.clients[0]!;
    world.nats[0].losses = Infinity;
    while (!lines.some((line) => /Warning: .* no reply from/.test(line))) await world.pass(1);
    await world.pass(seconds);
    world.nats[0].losses = 0;
    // Of two packets at a time the second one, which takes the tunnel's own way, takes longer.
    let last = -Infinity;
    world.lag = () => {
      const isSecond = world.clock.now() - last < 100;
      last = world.clock.now();
      return isSecond ? lag : 0;
    };
    const { length } = lines;
    while (!lines.slice(length).some((line) => /: accepted by/.test(line))) await world.pass(0.1);
    // A packet that is late is older than the one by the new way, which follows within a second.
    await world.pass(Math.max(lag / 1000, 1.5));
    world.lag = () => 0;
    assert.equal(world.sendData(0), "p0", world.story);
    assert.equal(world.sendBack(0), 0, world.story);
    if (lag <= 50) assert.deepEqual([movesOf(world, 0), portsOf(world, 0)], [[], [PORT]], world.story);
  }
});

Deno.test("A client whose way is dead in one direction moves, whatever it hears", async () => {
  const world = worldOf(0, { monitor: PORT_STEP });
  await world.begin();
  world.natOf(0).isDead = ({ source }) => source.ip === world.insideOf(0).ip && source.port === PORT;
  // The server's program may be restarting: a minute is granted, and by then the pauses are up to half a minute.
  for (let second = 0; second < LADDER + 150; second++) {
    world.sendBack(0);
    await world.pass(1);
  }
  assert.equal(world.sendData(0), "p0", world.story);
});

Deno.test("A restart of the server's program loses no data, whatever the client tried meanwhile", async () => {
  for (const [isBusy, seconds] of [[true, 5], [true, 50], [false, 50], [false, 300]] as const) {
    const world = worldOf(0, { monitor: PORT_STEP, fallbacks: [{ host: SERVER.ip, port: PORT + 1 }] });
    await world.begin();
    world.server.kill();
    for (let second = 0; second < seconds; second++) {
      await world.pass(1);
      if (isBusy) assert.equal(world.sendBack(0), 0, world.story);
    }
    world.server.start();
    // Another way that was tried may be what the server first hears of.
    if (!isBusy) await world.pass(60);
    const changes: string[] = [];
    world.server.host.kernel.changes.listen((change) => {
      if (change.kind === "device" && change.name === "p0") changes.push(change.outer);
    });
    for (let tenth = 0; tenth < 600; tenth++) {
      await world.pass(0.1);
      assert.equal(world.sendData(0), "p0", world.story);
      assert.equal(world.sendBack(0), 0, world.story);
    }
    assert.deepEqual([movesOf(world, 0), changes], [[], []], world.story);
  }
});

Deno.test("A client looks its server's name up again when the server is silent", async () => {
  const world = worldOf(0, {});
  await world.begin();
  const admin = world.admin(world.server);
  admin.deleteAddress("eth0", "192.0.2.1");
  admin.addAddress("eth0", "192.0.2.7/24");
  admin.addRoute("default dev eth0 via 192.0.2.254");
  world.clients[0]!.host.resolver.addresses.set(SERVER_NAME, "192.0.2.7");
  await world.pass(LADDER);
  assert.equal(world.sendData(0), "p0", world.story);
  assert.match(
    movesOf(world, 0).join("\n"),
    /the address of server\.example changed from 192\.0\.2\.1 to 192\.0\.2\.7: going there/,
  );
  assert.equal(world.clients[0]!.status, "accepted by 192.0.2.7:10000");
});

Deno.test("A client goes on to its next server, and back to the first one once that answers again", async () => {
  const fallbacks = [{ host: SERVER.ip, port: PORT + 1 }];
  const world = worldOf(0, { fallbacks });
  await world.begin();
  let isFirstDown = true;
  world.natOf(0).isDead = ({ destination }) => isFirstDown && destination.port === PORT;
  await world.pass(LADDER);
  assert.equal(world.clients[0]!.status, "accepted by 192.0.2.1:10001", world.story);
  assert.equal(world.sendData(0), "p0");
  const [movedAt, acceptedAt] = [/: going on to /, /: accepted by 192\.0\.2\.1:10001$/].map((pattern) =>
    parseInt(world.clients[0]!.lines.find((line) => pattern.test(line))!)
  );
  assert.equal(acceptedAt, movedAt, "the answer that led there counts");
  const place = "198\\.51\\.100\\.2:\\d+";
  assert.ok(world.server.hasLogged(RegExp(`p0: moved from ${place} to ${place}, to UDP port 10001 here$`)));
  await world.pass(600);
  assert.equal(world.clients[0]!.status, "accepted by 192.0.2.1:10001", "it stays while the first is down");
  isFirstDown = false;
  await world.pass(50);
  assert.equal(world.clients[0]!.status, "accepted by 192.0.2.1:10001", "one answer is not enough");
  await world.pass(80);
  assert.equal(world.clients[0]!.status, "accepted by 192.0.2.1:10000", world.story);
  assert.equal(world.sendData(0), "p0");
  assert.equal(world.sendBack(0), 0);
});

Deno.test("A client finds the only one of its servers that is up, whichever it is", async () => {
  for (const last of [PORT + 1, PORT + 2, PORT + 3]) {
    const ports = [PORT, PORT + 1, PORT + 2, PORT + 3] as const;
    const hub = hubOf(peersOf());
    const world = new World({ ...hub, local: { ...hub.local, ports } });
    const fallbacks = ports.slice(1).map((port) => ({ host: SERVER.ip, port }));
    world.clients[0]!.settings = { ...clientSettings(0), fallbacks };
    await world.begin();
    world.natOf(0).isDead = ({ source, destination }) =>
      source.ip === world.insideOf(0).ip && destination.port !== last;
    await world.pass(LADDER + 60);
    assert.equal(world.clients[0]!.status, `accepted by 192.0.2.1:${last}`, world.story);
  }
});

Deno.test("A client is back with the first packet after an outage, whatever has become of its way", async () => {
  for (const kind of ["nothing", "name", "port"] as const) {
    const world = worldOf(0, { monitor: PORT_STEP, fallbacks: [{ host: SERVER.ip, port: PORT + 3 }] });
    await world.begin();
    let isDown = true;
    const isOurs = (ip: string) => ip === world.insideOf(0).ip;
    world.natOf(0).isDead = ({ source }) =>
      isOurs(source.ip) && (isDown || kind === "port" && source.port === PORT);
    await world.pass(300);
    if (kind === "name") {
      const admin = world.admin(world.server);
      admin.deleteAddress("eth0", "192.0.2.1");
      admin.addAddress("eth0", "192.0.2.7/24");
      admin.addRoute("default dev eth0 via 192.0.2.254");
      world.clients[0]!.host.resolver.addresses.set(SERVER_NAME, "192.0.2.7");
    }
    isDown = false;
    // The longest pause, and a quarter more, after the 3 s for the answer before. A new name is known one answer later.
    await world.pass(kind === "name" ? 82 : 41);
    assert.equal(world.sendData(0), "p0", `${kind}\n${world.story}`);
  }
});

Deno.test("Asking the first server cuts off nobody for longer than its answer takes, though it is the next one by another port", async () => {
  for (const isAnswered of [true, false]) {
    const world = worldOf(0, { fallbacks: [{ host: SERVER.ip, port: PORT + 1 }] });
    await world.begin();
    let [isFirstDown, asked] = [true, 0];
    const nat = world.natOf(0);
    nat.isDead = ({ source, destination }) => {
      const isToFirst = source.ip === world.insideOf(0).ip && destination.port === PORT;
      if (isToFirst && !isFirstDown) {
        asked++;
        if (!isAnswered) nat.losses = 1;
      }
      return isToFirst && isFirstDown;
    };
    await world.pass(LADDER);
    isFirstDown = false;
    const lost = [];
    for (let tenth = 0; tenth < 700; tenth++) {
      await world.pass(0.1);
      if (world.sendData(0) === null) lost.push(tenth / 10);
    }
    assert.ok(asked > 0);
    const most = isAnswered ? 1 : 12 * asked;
    assert.ok(lost.length <= most, `${asked}: ${lost.join(" ")}`);
  }
});

Deno.test("A client stays with the next server while the first one answers only now and then", async () => {
  const world = worldOf(0, { fallbacks: [{ host: SERVER.ip, port: PORT + 1 }] });
  await world.begin();
  let [isFirstDown, count] = [true, 0];
  // Another client is behind that NAT.
  const isOurs = (ip: string) => ip === world.insideOf(0).ip;
  world.natOf(0).isDead = ({ source, destination }) =>
    isOurs(source.ip) && destination.port === PORT && (isFirstDown || count++ % 2 === 1);
  await world.pass(LADDER);
  isFirstDown = false;
  await world.pass(600);
  assert.ok(count >= 10, `asked ${count} times`);
  assert.equal(world.clients[0]!.status, "accepted by 192.0.2.1:10001", world.story);
});

Deno.test("A client starts with the first of its servers that has an address", async () => {
  const world = worldOf(0, { fallbacks: [{ host: SERVER.ip, port: PORT }] });
  world.clients[0]!.host.resolver.addresses.delete(SERVER_NAME);
  await world.begin();
  assert.equal(world.sendData(0), "p0", world.story);
});

Deno.test("A client never moves because nobody uses the tunnel", async () => {
  for (const client of [0, 1]) {
    const world = worldOf(client, { monitor: PORT_STEP, fallbacks: [{ host: SERVER.ip, port: PORT + 1 }] });
    await world.begin();
    await world.pass(900);
    assert.deepEqual([movesOf(world, client), portsOf(world, client)], [[], [PORT]]);
  }
});

Deno.test("A client whose server sends no replies moves by what comes out of the tunnel, and only then", async () => {
  const world = worldOf(1, { monitor: PORT_STEP });
  const exchange = async (seconds: number, back: boolean) => {
    for (let second = 0; second < seconds; second += 5) {
      if (world.sendData(1) !== null && back) world.sendBack(1);
      await world.pass(5);
    }
  };
  await world.begin();
  await exchange(600, false);
  assert.deepEqual(movesOf(world, 1), [], "one that never sends is not silent");
  await exchange(600, true);
  assert.deepEqual(movesOf(world, 1), []);
  world.natOf(1).isDead = ({ source }) => source.ip === world.insideOf(1).ip && source.port === PORT;
  await exchange(5 * KEEPALIVE, true);
  assert.equal(world.sendData(1), "p1", world.story);
  assert.equal(movesOf(world, 1).length, 1);
});

Deno.test("With --monitor-ping silence shows though nothing else is sent", async () => {
  const world = worldOf(1, { monitor: { port: true, ping: true } });
  await world.begin();
  const answer = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      const { received } = world.server.host.kernel.devices.get("p1")!.counts;
      await world.pass(1);
      if (world.server.host.kernel.devices.get("p1")!.counts.received > received) world.sendBack(1);
    }
  };
  await answer(20 * KEEPALIVE);
  assert.deepEqual(movesOf(world, 1), [], world.story);
  await world.pass(5 * KEEPALIVE);
  assert.notEqual(movesOf(world, 1).length, 0);
});

Deno.test("A client that hears its server stays, though replies are missing", async () => {
  const world = worldOf(1, { monitor: PORT_STEP });
  const settings = clientSettings(1);
  const peers = settings.peers.map((peer) => ({ ...peer, reply: true }));
  world.clients[1]!.settings = { ...settings, monitor: PORT_STEP, peers };
  await world.begin();
  for (let second = 0; second < 600; second++) {
    world.sendBack(1);
    await world.pass(1);
  }
  assert.deepEqual([movesOf(world, 1), portsOf(world, 1)], [[], [PORT]]);
});
