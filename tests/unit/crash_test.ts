import assert from "node:assert/strict";
import type { Node } from "./pair/node.ts";
import { hubOf, peersOf, World } from "./pair/world.ts";

/** Something that the program may die in the middle of. */
interface Act {
  readonly node: (world: World) => Node;
  readonly begin: (world: World) => void;
  /** Milliseconds, more than it takes. */
  readonly duration: number;
}

const [FIRST, SECOND, THIRD] = peersOf() as [ReturnType<typeof peersOf>[0], ...ReturnType<typeof peersOf>];

const server = (world: World) => world.server;
const client = (world: World) => world.clients[0]!;

const ACTS: Record<string, Act> = {
  "the start of a server": {
    node: server,
    begin: (world) => world.server.start(),
    duration: 60,
  },
  "an admission": {
    node: server,
    begin: (world) => {
      world.server.start();
      void world.clock.advance(30).then(() => world.clients.forEach((node) => node.start()));
    },
    duration: 120,
  },
  "a move": {
    node: server,
    begin: (world) => {
      world.nats[0].forget();
      for (const node of world.clients) node.authenticate();
    },
    duration: 40,
  },
  "a swap of two peers' places": {
    node: server,
    begin: (world) => {
      world.nats[0].swap(world.insideOf(0), world.insideOf(1));
      for (const node of world.clients) node.authenticate();
    },
    duration: 40,
  },
  "a renewal of a lifetime": {
    node: server,
    begin: (world) => world.clients[2]!.authenticate(),
    duration: 15,
  },
  "a reload to another port": {
    node: server,
    begin: (world) =>
      world.server.reload(hubOf(peersOf(), { local: { ip: null, device: "eth0", ports: [10_000] } })),
    duration: 40,
  },
  "a reload that adds, changes and removes peers": {
    node: server,
    begin: (world) =>
      world.server.reload(
        hubOf([{ ...FIRST, altIp: "172.29.0.9" }, {
          ...THIRD!,
          routes: ["10.7.0.0/16"],
          allowedIps: ["172.28.0.5/32"],
        }]),
      ),
    duration: 60,
  },
  "the stop of a server": {
    node: server,
    begin: (world) => void world.server.stop(),
    duration: 60,
  },
  "the start of a client": {
    node: client,
    begin: (world) => client(world).start(),
    duration: 40,
  },
  "the stop of a client": {
    node: client,
    begin: (world) => void client(world).stop(),
    duration: 40,
  },
};

/** Starts the programs that run before an act begins. */
async function prepare(name: string): Promise<World> {
  const world = new World();
  if (name === "an admission" || name === "the start of a server") return world;
  world.server.start();
  await world.pass(1);
  for (const node of world.clients) {
    if (name !== "the start of a client" || node !== client(world)) node.start();
  }
  await world.pass(5);
  return world;
}

/**
 * Begins an act and kills its program after some milliseconds. Each millisecond is another step of the act.
 *
 * @param withChild whether the `ip` or `nft` that is running dies too, or goes on without its parent
 */
async function dieDuring(name: string, act: Act, milliseconds: number, withChild: boolean): Promise<void> {
  const empty = new World().snapshots();
  const world = await prepare(name);
  const node = act.node(world);
  act.begin(world);
  await world.clock.advance(milliseconds);
  node.kill();
  if (withChild) node.host.programs.killAll();
  try {
    await world.settle();
    world.assertConnected();
    world.assertPlacesDiffer();
    for (const node of world.nodes) await node.stop();
    assert.deepEqual(world.snapshots(), empty);
    for (const { host } of world.nodes) host.assertNoMistakes();
  } catch (error) {
    const how = withChild ? "with what it ran" : "alone";
    (error as Error).message += `\n${name}: died ${how} after ${milliseconds} ms\n${world.story}`;
    throw error;
  }
}

for (const [name, act] of Object.entries(ACTS)) {
  Deno.test(`the next run takes over from one killed at any moment of ${name}, and its stop leaves nothing behind`, async () => {
    for (let milliseconds = 0; milliseconds < act.duration; milliseconds++) {
      await dieDuring(name, act, milliseconds, false);
      await dieDuring(name, act, milliseconds, true);
    }
  });
}

Deno.test("a service that is told to stop while it waits for its address removes what a killed one left", async () => {
  const world = await prepare("");
  const node = client(world);
  node.kill();
  world.admin(node).flushAddresses("eth0");
  node.start();
  await world.pass(3);
  assert.match(node.status!, /^waiting for the network device eth0/);
  assert.ok(node.host.kernel.devices.has("ipipou1"));
  await node.stop();
  assert.ok(!node.host.kernel.devices.has("ipipou1"), world.story);
  assert.equal(node.end, "stopped");
});

Deno.test("a server killed at any moment after it shut out a client does not let it in again", async () => {
  const other = { ...FIRST.scheme, secret: "another" } as typeof FIRST.scheme;
  let count = 0;
  for (let milliseconds = 0; milliseconds < 40; milliseconds++) {
    const world = await prepare("");
    world.server.reload(hubOf([{ ...FIRST, scheme: other }, SECOND!, THIRD!]));
    await world.clock.advance(milliseconds);
    world.server.kill();
    const isOut = world.sendData(0) === null;
    world.server.start();
    await world.pass(10);
    if (!isOut) continue;
    count++;
    assert.equal(world.sendData(0), null, `${milliseconds} ms`);
  }
  assert.ok(count > 20, `${count} times it had been shut out`);
});

Deno.test("a lifetime ends on time while no server runs, and the next server admits the client once it authenticates", async () => {
  const world = await prepare("");
  world.server.kill();
  await world.pass(30);
  assert.equal(world.sendData(2), "p2");
  await world.pass(31);
  assert.equal(world.sendData(2), null);
  await world.settle();
  world.assertConnected();
});
