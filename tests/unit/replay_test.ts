import assert from "node:assert/strict";
import { SIGNED_PAYLOAD_LENGTH } from "../../lib/auth/ed25519.ts";
import { buildUdpPacket, type Datagram, parseUdpPacket } from "../../lib/packet.ts";
import { SeededRandom } from "./fake/surroundings.ts";
import { runsDuring } from "./pair/commands.ts";
import { World } from "./pair/world.ts";

/** The signed auth packets that arrived at the server. */
function recordOf(world: World): Datagram[] {
  return world.seen.map((packet) => parseUdpPacket(packet)!)
    .filter(({ payload }) => payload.length === SIGNED_PAYLOAD_LENGTH);
}

/** Puts auth packets into the server's queue, in any order and from any address, and checks that nothing follows. */
async function repeat(world: World, record: readonly Datagram[], count: number): Promise<void> {
  const { server } = world;
  const random = new SeededRandom(count);
  const pick = (length: number) => Math.floor(random.fraction() * length);
  const places = [0, 1, 2].map((client) => world.placeOf(client));
  const runs = await runsDuring(server, async () => {
    for (let left = count; left > 0; left--) {
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
  client!.authenticate();
  await world.pass(1);
  assert.ok(
    client!.hasLogged(/this host's clock went back by \d+ s: the server may refuse auth packets until/),
  );
  assert.ok(
    world.server.hasLogged(/p0: refused auth packet from \S+: older than one accepted before \(.*clock/),
  );
  world.nats[0].renumber();
  await world.pass(60);
  assert.equal(world.sendData(0), null);
  world.clock.jump(600);
  await world.pass(60);
  world.assertConnected();
});

Deno.test("a server that cannot write down which auth packets it accepted says so, and goes on", async () => {
  const world = new World();
  world.server.host.files.set("/var/lib/ipipou/hub.replays.json", "not ours");
  world.server.host.failWrites = "EROFS";
  await world.begin();
  world.assertConnected();
  assert.ok(world.server.hasLogged(/Cannot read \/var\/lib\/ipipou\/hub\.replays\.json/));
  assert.ok(world.server.hasLogged(/Cannot write \/var\/lib\/ipipou\/hub\.replays\.json: .*EROFS/));
});

Deno.test("a server writes down at most once a second which auth packets it accepted", async () => {
  const world = new World();
  await world.begin();
  const { length } = world.server.host.writes;
  for (let count = 0; count < 100; count++) {
    world.clients[0]!.authenticate();
    await world.clock.advance(100);
  }
  const writes = world.server.host.writes.slice(length);
  assert.ok(writes.length >= 5 && writes.length <= 12, `${writes.length}`);
});
