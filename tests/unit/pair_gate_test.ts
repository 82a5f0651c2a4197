import assert from "node:assert/strict";
import { World } from "./pair/world.ts";

Deno.test("A rule that others change while a change of ours waits for another instance is put back", async () => {
  for (const change of ["renewal", "move"] as const) {
    const world = new World();
    await world.begin();
    const { host } = world.server;
    const chain = () => host.kernel.tables.get("ipipou")!.chains.get("fou-hub")!;
    const before = chain().rules.map(({ text }) => text);
    const lock = await host.start().system.locks.namespace();
    // The first two share a NAT; the third has a lifetime.
    if (change === "move") world.nats[0]!.forget();
    for (const client of change === "move" ? [0, 1] : [2]) world.clients[client]!.authenticate();
    await world.pass(1);
    const { handle } = chain().rules.at(-1)!;
    host.kernel.nft([
      `delete rule ip ipipou fou-hub handle ${handle}`,
      "add rule ip ipipou fou-hub accept",
    ]);
    lock[Symbol.dispose]();
    await world.pass(5);
    assert.deepEqual(chain().rules.map(({ text }) => text), before, change);
    world.assertConnected();
  }
});

Deno.test("A table that others put to sleep is woken, and that is no change by others", async () => {
  const world = new World();
  await world.begin();
  const { host } = world.server;
  host.kernel.nft(["add table ip ipipou { flags dormant; }"]);
  await world.pass(5);
  assert.equal(host.kernel.tables.get("ipipou")!.isDormant, false);
  const told = world.server.lines.filter((line) => /the gate in nftables is no longer as it was/.test(line));
  assert.equal(told.length, 1, world.story);
  assert.ok(!world.server.hasLogged(/FOU ports are closed/));
  world.assertConnected();
});
