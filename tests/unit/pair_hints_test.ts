import assert from "node:assert/strict";
import { hintIn } from "../../lib/auth/hint.ts";
import { hintKey } from "../../lib/kernel/state.ts";
import { liveElements } from "./fake/nft_tables.ts";
import { hubOf, peersOf, schemeOf, World } from "./pair/world.ts";
import { makeAuthPayload } from "../../lib/auth/scheme.ts";

/** Clients with keys. */
const SIGNERS = peersOf().flatMap(({ scheme }, client) => scheme.kind === "ed25519" ? client : []);

function hintsOf({ server, clock }: World): string[] {
  const set = server.host.kernel.tables.get("ipipou")!.sets.get("hints-hub");
  return set === undefined ? [] : liveElements(set, clock.now()).map(({ key }) => key);
}

/** Whether the gate knows the hint that each client with a key gives now. */
function knowsAll(world: World): boolean {
  const { clock, server } = world;
  const keys = new Set(hintsOf(world));
  return SIGNERS.every((client) => {
    const payload = makeAuthPayload(
      schemeOf(client, "client"),
      clock.unixTime(),
      (length) => server.host.random.bytes(length),
    );
    return keys.has(hintKey(Math.floor(clock.unixTime() / 256), hintIn(payload)));
  });
}

Deno.test("A server's gate knows the hints of its clients as time goes by, by two of each", async () => {
  const world = new World();
  await world.begin();
  for (let passed = 0; passed < 1_000; passed += 20) {
    assert.ok(knowsAll(world), `after ${passed} s`);
    assert.equal(hintsOf(world).length, 2 * SIGNERS.length);
    await world.pass(20);
  }
  world.assertConnected();
});

Deno.test("A server's gate gets the hints of now when a packet comes after its clock was set", async () => {
  const world = new World();
  await world.begin();
  world.clock.jump(86_400);
  await world.pass(60);
  assert.ok(knowsAll(world));
});

Deno.test("Hints that others remove from the gate are put back, and so are those of peers that a reload adds", async () => {
  const world = new World(hubOf(peersOf().slice(0, 1)));
  await world.begin();
  assert.equal(hintsOf(world).length, 2);
  world.server.reload(hubOf(peersOf()));
  await world.pass(5);
  assert.ok(knowsAll(world));
  const hints = hintsOf(world);
  world.admin(world.server).nft(`delete element ip ipipou hints-hub { ${hints[0]} }`);
  await world.pass(5);
  assert.deepEqual(new Set(hintsOf(world)), new Set(hints));
  world.admin(world.server).flushRuleset();
  await world.pass(5);
  assert.deepEqual(new Set(hintsOf(world)), new Set(hints));
});

/** The number of the queue for hints: half of all away from the other one. */
const HINT_QUEUE = 32_768;

/** Has clients with keys move while nothing gets into the other queue, and checks that they are followed. */
async function assertOwnQueue(world: World, signers = SIGNERS): Promise<void> {
  const queue = world.server.host.queues.get(0)!;
  queue.resize(0);
  for (const nat of world.nats) nat.forget();
  for (const client of world.clients) client.authenticate();
  await world.pass(3);
  world.assertConnected(new Set(world.clients.keys()).difference(new Set(signers)));
  queue.resize(256);
}

Deno.test("Auth packets with a good hint do not wait behind others: they have a queue of their own", async () => {
  const world = new World();
  await world.begin();
  await assertOwnQueue(world);
  const others = world.clients.keys().filter((client) => !SIGNERS.includes(client)).toArray();
  assert.ok(others.length > 0 && others.every((client) => world.sendData(client) === null));
  for (const client of world.clients) client.authenticate();
  await world.pass(3);
  world.assertConnected();
});

Deno.test("A server opens the queue for hints with the first client that has a key", async () => {
  const world = new World(hubOf(peersOf().filter((_, client) => !SIGNERS.includes(client))));
  await world.begin();
  assert.deepEqual([...world.server.host.queues.keys()], [0]);
  world.server.reload(hubOf(peersOf()));
  await world.pass(5);
  assert.deepEqual([...world.server.host.queues.keys()], [0, HINT_QUEUE]);
  await assertOwnQueue(world);
});

Deno.test("Where another process has the queue for hints, a server says so and has one queue, until a reload", async () => {
  const world = new World();
  const { openPacketQueue } = world.server.host.start().system;
  const others = openPacketQueue({ number: HINT_QUEUE, maxLength: 1, copyRange: 1 });
  await world.begin();
  world.assertConnected();
  const told = () => world.server.lines.filter((line) => line.includes(`queue ${HINT_QUEUE}`));
  assert.equal(told().length, 1, told().join("\n"));
  assert.ok(knowsAll(world));
  others[Symbol.dispose]();
  world.server.reload(hubOf(peersOf()));
  await world.pass(5);
  assert.equal(told().length, 1);
  await assertOwnQueue(world);
});

Deno.test("A server whose nft can have no set of hints has its gate all the same, and says so", async () => {
  const world = new World(hubOf(peersOf()), { canHint: false });
  await world.begin();
  await world.pass(600);
  world.assertConnected();
  assert.deepEqual(hintsOf(world), []);
  const told = world.server.lines.filter((line) => line.includes("going on without a limit for hints"));
  assert.equal(told.length, 1, told.join("\n"));
});
