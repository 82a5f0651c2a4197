import assert from "node:assert/strict";
import { makeGoodbyePayload } from "../../lib/auth/scheme.ts";
import { buildUdpPacket, type Endpoint } from "../../lib/packet.ts";
import { IpPacket } from "./fake/ip_packet.ts";
import type { Node } from "./pair/node.ts";
import { IMPOSSIBLE, packetBetween, schemeOf, SERVER, World } from "./pair/world.ts";

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

Deno.test("a peer that says once a second that it is where another one is has no effect until that one is gone", async () => {
  const world = await scene();
  const { ip, port } = world.natOf(0).outside(world.insideOf(0))!;
  const claim = async () => {
    world.server.host.receive(world.forge(1, ip, port));
    await world.pass(1);
  };
  for (let second = 0; second < 200; second++) {
    await claim();
    assert.deepEqual([world.sendData(0), world.sendData(1)], ["p0", "p1"], `after ${second} s`);
  }
  const told = world.server.lines.filter((line) => line.includes("another peer is there"));
  assert.ok(told.length >= 3 && told.length <= 5, told.join("\n"));
  assert.match(
    told[0]!,
    /Warning: p1: .* another peer is there \(p0 keeps the place if it authenticates there within 55 s, /,
  );
  for (const client of world.clients) client.kill();
  for (let second = 0; second < 62; second++) await claim();
  assert.equal(world.placeOf(1), `${ip}:${port} 10000`);
  assert.equal(world.placeOf(0), null);
});

Deno.test("no good-bye that is forged, repeated, or from elsewhere has an effect, nor has a packet of another length", async () => {
  const world = await scene();
  const { server } = world;
  const place = world.natOf(0).outside(world.insideOf(0))!;
  const salt = (length: number) => server.host.random.bytes(length);
  const goodbyeOf = (client: number) =>
    makeGoodbyePayload(schemeOf(client, "client"), world.clock.unixTime(), salt)!;
  const send = async (source: Endpoint, payload: Uint8Array) => {
    const { kind } = world.attack(source, payload);
    await world.pass(1);
    return kind;
  };
  const elsewhere = { ip: "203.0.113.66", port: 40_000 };
  const [mine, others] = [goodbyeOf(0), goodbyeOf(2)];
  assert.equal(await send(elsewhere, mine), "queue");
  assert.equal(await send(place, mine), "queue", "once it was seen elsewhere, it is used");
  assert.equal(await send(place, others), "queue", "of a peer that is not let in");
  assert.equal(await send(place, goodbyeOf(0).with(10, 0)), "queue", "forged");
  for (const length of [73, 74, 78]) await send(place, goodbyeOf(0).slice(0, length));
  for (const length of [74, 78, 80]) {
    assert.equal(await send(elsewhere, new Uint8Array(length)), "queue", String(length));
  }
  assert.deepEqual([world.sendData(0), world.sendBack(0)], ["p0", 0], world.story);
  assert.deepEqual([world.sendData(1), world.sendBack(1)], ["p1", 1]);
  const recorded = goodbyeOf(0);
  await send(place, recorded);
  assert.equal(world.placeOf(0), null, "the one that is right");
  world.clients[0]!.authenticate();
  await world.pass(2);
  await send(place, recorded);
  assert.deepEqual([world.sendData(0), world.sendBack(0)], ["p0", 0], "repeated");
});

Deno.test("peers whose NAT swaps their ports are both back with the second one's packet", async () => {
  const world = await scene();
  world.nats[0].swap(world.insideOf(0), world.insideOf(1));
  world.clients[0]!.authenticate();
  await world.pass(1);
  world.clients[1]!.authenticate();
  await world.clock.advance(50);
  assert.deepEqual([world.sendData(0), world.sendData(1)], ["p0", "p1"]);
});

Deno.test("a tunnel that others moved to an address that no other host has is parked at a start", async () => {
  const world = await scene();
  world.server.kill();
  // Nothing calls the client back meanwhile.
  world.nats[0].losses = Infinity;
  for (const ip of ["127.0.0.1", "224.0.0.1"]) {
    assert.ok(world.admin(world.server).moveTunnel("p0", "192.0.2.1", ip));
    world.server.start();
    await world.pass(2);
    assert.equal(world.placeOf(0), null, ip);
    world.server.kill();
  }
  world.nats[0].losses = 0;
  world.server.start();
  await world.pass(1);
  world.clients[0]!.authenticate();
  await world.pass(2);
  assert.equal(world.sendData(0), "p0");
});

/** What of the following gets into the first client's tunnel: data from another port of its server, bare IPIP from there. */
function intrusions(world: World): string[] {
  const { host } = world.clients[0]!;
  const inside = world.insideOf(0);
  const inner = packetBetween("172.28.0.0", "172.28.0.1", 100);
  const packets = {
    "another port": buildUdpPacket(
      { source: { ...SERVER, port: 9 }, destination: inside, payload: inner },
      64,
    ),
    "bare IPIP": IpPacket.wrap(SERVER.ip, inside.ip, inner).bytes,
  };
  return Object.entries(packets)
    .filter(([, packet]) => host.receive(packet).kind === "device").map(([name]) => name);
}

function count(node: Node, pattern: RegExp): number {
  return node.lines.filter((line) => pattern.test(line)).length;
}

Deno.test("a client takes nothing from its server's address but from its port, also after a flush of the ruleset and a move", async () => {
  const world = await scene();
  const [client] = world.clients;
  assert.deepEqual(intrusions(world), []);
  world.admin(client!).flushRuleset();
  assert.deepEqual(intrusions(world), ["another port", "bare IPIP"]);
  await world.pass(2);
  assert.deepEqual(intrusions(world), []);
  world.nats[0].renumber();
  client!.authenticate();
  await world.pass(2);
  assert.equal(world.sendBack(0), 0);
  assert.deepEqual(intrusions(world), []);
});

Deno.test("a client without nft says once what it takes, and works", async () => {
  const world = new World();
  const [client] = world.clients;
  client!.host.programs.missing.add("nft");
  client!.host.hasNftables = false;
  await world.begin();
  world.assertConnected();
  assert.deepEqual(intrusions(world), ["another port", "bare IPIP"]);
  client!.reload();
  await world.pass(2);
  assert.equal(count(client!, /<5>without nft, whatever comes from 192\.0\.2\.1 gets into the tunnel/), 1);
});

Deno.test("a client whose nft fails works, and has its gate after the next reload; once it has, it is not given up", async () => {
  const world = new World();
  const [client] = world.clients;
  const fail = () =>
    client!.host.programs.failNext("nft", {
      kind: "fails",
      code: 1,
      stderr: "Error: Operation not supported",
    });
  fail();
  await world.begin();
  world.assertConnected();
  client!.reload();
  await world.pass(2);
  assert.deepEqual(intrusions(world), []);
  fail();
  world.admin(client!).flushRuleset();
  await world.pass(5);
  assert.deepEqual(intrusions(world), []);
  world.assertConnected();
});

Deno.test("a client whose gate cannot be made goes on without it", async () => {
  const world = new World();
  const [client] = world.clients;
  world.server.start();
  await world.pass(1);
  client!.start();
  client!.host.programs.failNext("nft", { kind: "fails", code: 1, stderr: "Error: Operation not supported" });
  await world.pass(2);
  assert.equal(world.sendData(0), "p0");
  assert.ok(
    client!.hasLogged(/Operation not supported: going on without a gate, until the next reload or repair/),
  );
});
