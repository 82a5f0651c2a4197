import assert from "node:assert/strict";
import type { Node } from "./pair/node.ts";
import { hubOf, peersOf, World } from "./pair/world.ts";

/** Something during which a program may die: it begins, and takes less than so many milliseconds. */
interface Act {
  readonly who: (world: World) => Node;
  readonly begin: (world: World) => void;
  /** More than it takes. */
  readonly duration: number;
}

const [FIRST, SECOND, THIRD] = peersOf() as [ReturnType<typeof peersOf>[0], ...ReturnType<typeof peersOf>];

const server = (world: World) => world.server;
const client = (world: World) => world.clients[0]!;

const ACTS: Record<string, Act> = {
  "the start of a server": {
    who: server,
    begin: (world) => world.server.start(),
    duration: 60,
  },
  "an admission": {
    who: server,
    begin: (world) => {
      world.server.start();
      void world.clock.advance(30).then(() => world.clients.forEach((node) => node.start()));
    },
    duration: 120,
  },
  "a move": {
    who: server,
    begin: (world) => {
      world.nats[0].forget();
      for (const node of world.clients) node.authenticate();
    },
    duration: 40,
  },
  "a swap of two peers' places": {
    who: server,
    begin: (world) => {
      world.nats[0].swap(world.insideOf(0), world.insideOf(1));
      for (const node of world.clients) node.authenticate();
    },
    duration: 40,
  },
  "a renewal of a lifetime": {
    who: server,
    begin: (world) => world.clients[2]!.authenticate(),
    duration: 15,
  },
  "a reload to another port": {
    who: server,
    begin: (world) =>
      world.server.reload(hubOf(peersOf(), { local: { ip: null, device: "eth0", ports: [10_000] } })),
    duration: 40,
  },
  "a reload that adds, changes and removes peers": {
    who: server,
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
    who: server,
    begin: (world) => void world.server.stop(),
    duration: 60,
  },
  "the start of a client": {
    who: client,
    begin: (world) => client(world).start(),
    duration: 40,
  },
  "the stop of a client": {
    who: client,
    begin: (world) => void client(world).stop(),
    duration: 40,
  },
};

/** Which programs run before an act begins. */
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
 * Lets an act begin and its program die after some milliseconds, which is one step of its after another.
 *
 * @param withChild whether the `ip` or `nft` that runs then dies too, or goes on without it
 */
async function dieAmid(name: string, act: Act, milliseconds: number, withChild: boolean): Promise<void> {
  const empty = new World().snapshots();
  const world = await prepare(name);
  const node = act.who(world);
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
  Deno.test(`a program killed at any moment of ${name} is taken over by the next, and leaves nothing behind`, async () => {
    for (let milliseconds = 0; milliseconds < act.duration; milliseconds++) {
      await dieAmid(name, act, milliseconds, false);
      await dieAmid(name, act, milliseconds, true);
    }
  });
}

Deno.test("a server killed at any moment after it has shut a client out does not let it in again", async () => {
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

Deno.test("a lifetime ends on time while no server runs, and the next one shuts in whom it proves anew", async () => {
  const world = await prepare("");
  world.server.kill();
  await world.pass(30);
  assert.equal(world.sendData(2), "p2");
  await world.pass(31);
  assert.equal(world.sendData(2), null);
  await world.settle();
  world.assertConnected();
});
