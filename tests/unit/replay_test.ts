import assert from "node:assert/strict";
import { SIGNED_PAYLOAD_LENGTH } from "../../lib/auth/ed25519.ts";
import { buildUdpPacket, type Datagram, parseUdpPacket } from "../../lib/packet.ts";
import { SeededRandom } from "./fake/surroundings.ts";
import { runsDuring } from "./pair/commands.ts";
import type { Node } from "./pair/node.ts";
import { World } from "./pair/world.ts";

/** The signed auth packets that arrived at the server. */
function recordOf(world: World): Datagram[] {
  return world.seen.map((packet) => parseUdpPacket(packet)!)
    .filter(({ payload }) => payload.length === SIGNED_PAYLOAD_LENGTH);
}

function count(node: Node, pattern: RegExp): number {
  return node.lines.filter((line) => pattern.test(line)).length;
}

/** Puts auth packets into the server's queue, in any order and from any address, and checks that nothing follows. */
async function repeat(world: World, record: readonly Datagram[], times: number): Promise<void> {
  const { server } = world;
  const random = new SeededRandom(times);
  const pick = (length: number) => Math.floor(random.fraction() * length);
  const places = [0, 1, 2].map((client) => world.placeOf(client));
  const runs = await runsDuring(server, async () => {
    for (let left = times; left > 0; left--) {
      const { source, destination, payload } = record[pick(record.length)]!;
      const ip = [source.ip, "198.51.100.77", "203.0.113.9"][pick(3)]!;
      const port = [source.port, 40_000 + pick(8)][pick(2)]!;
      server.host.queues.get(0)!.put(buildUdpPacket({ source: { ip, port }, destination, payload }, 64));
      if (left % 20 === 0) await world.clock.advance(1);
    }
    await world.clock.advance(10);
  });
  assert.deepEqual(runs, []);
  assert.deepEqual([0, 1, 2].map((client) => world.placeOf(client)), places);
}

Deno.test("no auth packet that somebody repeats moves or renews anything, also after restarts and kills", async () => {
  const world = new World();
  await world.begin();
  for (const disturb of [() => world.pass(26), () => world.server.stop(), () => world.server.kill()]) {
    world.nats[0].forget();
    world.clients[0]!.authenticate();
    await world.pass(1);
    await disturb();
    world.server.start();
    await world.clock.advance(500);
    await repeat(world, recordOf(world), 3_400);
    await world.pass(30);
    world.assertConnected();
  }
});

Deno.test("a client whose clock goes back is named on both sides, and is let in again once it is right", async () => {
  const world = new World();
  await world.begin();
  const [client] = world.clients;
  world.clock.jump(-600);
  const told = () => ({
    client: count(
      client!,
      /this host's clock is \d+ s behind the time of an earlier auth packet: the server may refuse auth packets until/,
    ),
    server: count(
      world.server,
      /p0: refused auth packet from \S+: older than one accepted before.* \(.*clock/,
    ),
  });
  for (let times = 0; times < 3; times++) {
    client!.authenticate();
    await world.pass(1);
  }
  assert.deepEqual(told(), { client: 1, server: 1 });
  world.nats[0].renumber();
  await world.pass(60);
  assert.equal(world.sendData(0), null);
  world.clock.jump(600);
  await world.pass(60);
  world.assertConnected();
  world.clock.jump(-600);
  client!.authenticate();
  await world.pass(1);
  assert.equal(told().client, 2);
});

Deno.test("a server that cannot write down which auth packets it accepted says so, and goes on", async () => {
  const world = new World();
  world.server.host.files.set("/var/lib/ipipou/hub.replays.json", "not ours");
  world.server.host.failWrites = "EROFS";
  await world.begin();
  world.assertConnected();
  assert.ok(world.server.hasLogged(/Cannot read \/var\/lib\/ipipou\/hub\.replays\.json/));
  for (let times = 0; times < 3; times++) {
    world.clients[0]!.authenticate();
    await world.pass(2);
  }
  assert.equal(count(world.server, /Cannot write \/var\/lib\/ipipou\/hub\.replays\.json: .*EROFS/), 1);
});

Deno.test("a server writes down at most once a second which auth packets it accepted", async () => {
  const world = new World();
  await world.begin();
  const { length } = world.server.host.writes;
  for (let times = 0; times < 100; times++) {
    world.clients[0]!.authenticate();
    await world.clock.advance(100);
  }
  const writes = world.server.host.writes.slice(length);
  assert.ok(writes.length >= 5 && writes.length <= 12, `${writes.length}`);
});

Deno.test("a server leaves a record that is whole when it stops; of one killed in any moment, all it accepted counts as used", async () => {
  const world = new World();
  const { server, clients } = world;
  const isWhole = () => JSON.parse(server.host.files.get("/var/lib/ipipou/hub.replays.json")!).isWhole;
  await world.begin();
  assert.equal(isWhole(), false);
  await server.stop();
  assert.equal(isWhole(), true);
  server.start();
  await world.pass(2);
  // It has accepted this, and not written it down yet.
  const { length } = recordOf(world);
  clients[0]!.authenticate();
  while (recordOf(world).length === length) await world.clock.advance(1);
  await world.clock.settle();
  server.kill();
  await world.pass(1);
  server.start();
  await world.clock.advance(500);
  await repeat(world, recordOf(world), 400);
});

Deno.test("a server writes a new key down at once, and a killed one leaves it", async () => {
  const world = new World();
  world.server.start();
  await world.pass(1);
  world.clients[0]!.start();
  await world.clock.advance(100);
  world.clients[2]!.start();
  await world.clock.advance(300);
  world.server.kill();
  const { keys } = JSON.parse(world.server.host.files.get("/var/lib/ipipou/hub.replays.json")!);
  assert.equal(keys.length, 2);
});

Deno.test("a server whose clock was wrong when it accepted a client, and is set, writes down that the client's is right", async () => {
  const world = new World();
  const { server } = world;
  const path = "/var/lib/ipipou/hub.replays.json";
  const uses = { floor: -1, newest: -1, latest: -1, ahead: [], packets: [] };
  const record = (offset: number) => ({ isWhole: true, keys: [["key", { ...uses, offset }]] });
  server.host.files.set(path, JSON.stringify(record(3_600)));
  server.start();
  await world.pass(2);
  const offset = () => JSON.parse(server.host.files.get(path)!).keys[0][1].offset;
  assert.equal(offset(), 3_600);
  world.clock.jump(3_600);
  await world.pass(2);
  assert.ok(server.hasLogged(/the clock went forward by 3600 s/), world.story);
  assert.equal(offset(), 0);
});
