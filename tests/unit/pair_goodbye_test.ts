import assert from "node:assert/strict";
import type { Scheme } from "../../lib/auth/scheme.ts";
import { parseUdpPacket } from "../../lib/packet.ts";
import type { Settings } from "../../lib/settings/settings.ts";
import { ACCEPTED, ed25519 } from "./auth/vectors.ts";
import type { Node } from "./pair/node.ts";
import { clientSettings, hubOf, peersOf, schemeOf, World } from "./pair/world.ts";

const GOODBYE_LINE =
  /<5>p0: says good-bye: shut out until it authenticates again; its device stays up, and what is sent there is dropped$/;
const STOPS_LINE =
  /<5>ipipou1: 192\.0\.2\.1:10000: the server stops, or has removed this client; trying until it is back/;
const STARTED_LINE = /<5>ipipou1: 192\.0\.2\.1:10000: the server has started/;

/** A connected world in which the first client and its peer have these schemes. */
async function connected(
  ofServer: Scheme = schemeOf(0, "server"),
  ofClient: Scheme = schemeOf(0, "client"),
  fields: Partial<Settings> = {},
): Promise<World> {
  const [first, ...others] = peersOf();
  const world = new World(hubOf([{ ...first!, scheme: ofServer }, ...others]));
  const settings = clientSettings(0);
  const peers = settings.peers.map((peer) => ({ ...peer, scheme: ofClient, reply: true }));
  world.clients[0]!.settings = { ...settings, keepalive: 60, ...fields, peers };
  await world.begin();
  return world;
}

function count({ lines }: Node, pattern: RegExp): number {
  return lines.filter((line) => pattern.test(line)).length;
}

/** When a node logged a line last, in milliseconds. */
function timeOf({ lines }: Node, pattern: RegExp): number {
  return Number(lines.findLast((line) => pattern.test(line))?.split(" ")[0] ?? NaN);
}

function assertOthersConnected(world: World): void {
  for (const client of [1, 2]) {
    assert.deepEqual([world.sendData(client), world.sendBack(client)], [`p${client}`, client]);
  }
}

Deno.test("a client that stops is shut out at once, and data to it goes nowhere; the others lose nothing", async () => {
  const world = await connected();
  world.assertConnected();
  const before = [1, 2].map((client) => world.placeOf(client));
  await world.clients[0]!.stop();
  assert.equal(count(world.server, GOODBYE_LINE), 1);
  assert.equal(world.placeOf(0), null);
  assert.deepEqual([1, 2].map((client) => world.placeOf(client)), before);
  assertOthersConnected(world);
  assert.match(world.server.status!, /2 of 3 peers admitted/);
  world.clients[0]!.start();
  await world.pass(1);
  world.assertConnected();
});

Deno.test("a gate that takes no good-byes, as the release before made it, is replaced without a lost packet", async () => {
  const world = new World(hubOf(peersOf({ replay: "off", lifetime: 0 })));
  await world.begin();
  world.server.kill();
  world.server.settings = hubOf(peersOf({ lifetime: 0 }));
  world.server.start();
  for (let step = 0; step < 200; step++) {
    await world.clock.advance(5);
    world.assertConnected();
  }
  await world.clients[0]!.stop();
  assert.equal(world.placeOf(0), null);
  assertOthersConnected(world);
});

Deno.test("a client that signs nothing says no good-bye, nor does one that is killed", async () => {
  const world = await connected();
  const [before] = world.snapshots();
  await world.clients[1]!.stop();
  world.clients[2]!.kill();
  assert.deepEqual(world.snapshots()[0], before);
  assert.equal(count(world.server, /good-bye/), 0);
});

Deno.test("a good-bye has no effect where repeated auth packets are taken, not even on the gate", async () => {
  const [first, ...others] = peersOf({ replay: "off" });
  const world = new World(hubOf([first!, ...others]));
  await world.begin();
  const place = world.placeOf(0);
  await world.clients[0]!.stop();
  assert.equal(world.placeOf(0), place);
  assert.ok(
    !world.seen.some((packet) => parseUdpPacket(packet)!.payload.length === 79),
    "it reached the queue",
  );
  assertOthersConnected(world);
});

Deno.test("a client authenticates within a second of its server's restart, by each form of news", async () => {
  const [{ privateKey, publicKey }, server] = [ACCEPTED[0]!, ACCEPTED[1]!];
  const token: Scheme = { kind: "token", token: new TextEncoder().encode("open sesame, open sesame") };
  const secret = "s";
  const cases: Record<string, [Scheme, Scheme]> = {
    "by the token": [token, token],
    "by the secret": [ed25519({ secret, remotePublicKey: publicKey }), ed25519({ secret, privateKey })],
    "by the server's signature": [
      ed25519({ secret, remotePublicKey: publicKey, privateKey: server.privateKey }),
      ed25519({ secret, privateKey, remotePublicKey: server.publicKey }),
    ],
  };
  for (const [name, [ofServer, ofClient]] of Object.entries(cases)) {
    const world = await connected(ofServer, ofClient, { keepalive: 0 });
    const [client] = world.clients;
    await world.pass(30);
    await world.server.stop();
    assert.equal(count(client!, STOPS_LINE), 1, `${name}\n${world.story}`);
    await world.pass(600);
    const restart = world.clock.now();
    world.server.start();
    await world.pass(1);
    assert.equal(world.sendData(0), "p0", `${name}\n${world.story}`);
    assert.equal(count(client!, STARTED_LINE), 1, name);
    assert.ok(timeOf(client!, /accepted by/) - restart < 1_000, name);
  }
});

Deno.test("a server tells nothing to clients without replies, and a client without listens to nothing", async () => {
  const world = await connected();
  await world.server.stop();
  await world.pass(1);
  world.server.start();
  await world.pass(1);
  for (const client of world.clients.slice(1)) {
    assert.equal(count(client, /the server/), 0);
    assert.equal(client.host.replySockets.size, 0);
  }
  const { files } = world.server.host;
  const told = JSON.parse(files.get("/var/lib/ipipou/hub.places.json")!);
  assert.deepEqual(told.map(([peer]: [string]) => peer), ["p0"]);
});

Deno.test("a client that a reload removes, or gives another key, is told; the others are not", async () => {
  const [first, ...others] = peersOf({ reply: true });
  for (const peers of [others, [{ ...first!, scheme: schemeOf(2, "server") }, others[0]!]]) {
    const world = await connected();
    const [client] = world.clients;
    world.server.reload(hubOf(peers));
    await world.pass(1);
    assert.equal(count(client!, STOPS_LINE), 1);
    assert.match(client!.status!, /^no reply from /);
    for (const other of world.clients.slice(1)) assert.equal(count(other, /the server/), 0);
    world.server.reload(hubOf(peers));
    await world.pass(1);
    assert.equal(count(client!, STOPS_LINE), 1);
  }
});

Deno.test("a client whose server stops tries again after three seconds, then after growing pauses", async () => {
  const world = await connected();
  const [client] = world.clients;
  await world.pass(10);
  const { length } = client!.lines;
  await world.server.stop();
  const stopped = timeOf(client!, STOPS_LINE);
  await world.pass(100);
  const sent = client!.lines.slice(length).filter((line) => /sent auth packet$/.test(line));
  const gaps = sent.map((line) => Number(line.split(" ")[0]))
    .map((time, index, times) => time - (times[index - 1] ?? stopped));
  assert.ok(gaps[0]! >= 2_250 && gaps[0]! <= 3_750, gaps.join(" "));
  for (const [index, pause] of [1, 2, 4].entries()) {
    const gap = gaps[index + 1]!;
    assert.ok(gap > 3_000 + pause * 700 && gap < 3_000 + pause * 1_300, gaps.join(" "));
  }
  assert.equal(client!.status, "no reply from 192.0.2.1:10000");
});

Deno.test("a server that takes its clients over after a kill tells them nothing", async () => {
  const world = await connected();
  world.server.kill();
  await world.pass(1);
  world.server.start();
  await world.pass(10);
  assert.equal(count(world.clients[0]!, STARTED_LINE), 0);
  world.assertConnected();
});

Deno.test("a server that was killed, and whose gate and tunnels are gone, calls its clients back", async () => {
  const world = await connected();
  world.server.kill();
  world.admin(world.server).flushRuleset();
  for (const device of ["p0", "p1", "p2"]) world.admin(world.server).deleteDevice(device);
  await world.pass(1);
  world.server.start();
  await world.pass(2);
  assert.equal(count(world.clients[0]!, STARTED_LINE), 1, world.story);
  assert.equal(world.sendData(0), "p0");
  assert.equal(count(world.server, /refused/), 0);
});

Deno.test("a client that said good-bye is not called back", async () => {
  const world = await connected();
  await world.clients[0]!.stop();
  await world.server.stop();
  world.server.start();
  await world.pass(10);
  assert.equal(count(world.server, /told \d+ clients? that the server starts/), 0);
});

Deno.test("a start calls again those who do not come, three times in all", async () => {
  const world = await connected();
  await world.server.stop();
  world.clients[0]!.kill();
  world.server.start();
  await world.pass(60);
  assert.equal(count(world.server, /told 1 client that the server starts/), 3);
});

Deno.test("data to a peer goes nowhere once its lifetime is over, also if that was while no server ran", async () => {
  const world = await connected();
  const expired = /<5>p2: its authentication has expired: shut out until it authenticates again/;
  const [client] = world.clients.slice(2);
  client!.kill();
  await world.pass(54);
  assert.notEqual(world.placeOf(2), null);
  await world.pass(7);
  assert.equal(world.placeOf(2), null);
  assert.equal(count(world.server, expired), 1);
  assert.match(world.server.status!, /2 of 3 peers admitted/);
  client!.start();
  await world.pass(1);
  world.assertConnected();
  client!.kill();
  world.server.kill();
  await world.pass(61);
  assert.notEqual(world.placeOf(2), null, "nobody was there to see to it");
  world.server.start();
  await world.pass(1);
  assert.equal(world.placeOf(2), null);
});

Deno.test("a client that authenticates in time is never shut out by its lifetime", async () => {
  const world = await connected();
  for (let second = 0; second < 300; second += 5) {
    await world.pass(5);
    assert.deepEqual([world.sendData(2), world.sendBack(2)], ["p2", 2], `after ${second} s`);
  }
  assert.equal(count(world.server, /expired/), 0);
});
