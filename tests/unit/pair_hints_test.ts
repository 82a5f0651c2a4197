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

Deno.test("A server whose nft can have no set of hints has its gate all the same, and says so", async () => {
  const world = new World(hubOf(peersOf()), { canHint: false });
  await world.begin();
  await world.pass(600);
  world.assertConnected();
  assert.deepEqual(hintsOf(world), []);
  const told = world.server.lines.filter((line) => line.includes("going on without a limit for hints"));
  assert.equal(told.length, 1, told.join("\n"));
});
