import assert from "node:assert/strict";
import type { Peer } from "../../lib/settings/settings.ts";
import { changesIn, runsDuring } from "./pair/commands.ts";
import type { Node } from "./pair/node.ts";
import { hubOf, peersOf, World } from "./pair/world.ts";

/** A hub's settings. @param fields of each peer's tunnel */
function hub(fields: Partial<Peer["tunnel"]> = {}) {
  return hubOf(peersOf({ lifetime: 0 }).map((peer) => ({ ...peer, tunnel: { ...peer.tunnel, ...fields } })));
}

async function connected(settings = hub()): Promise<World> {
  const world = new World(settings);
  await world.begin();
  world.assertConnected();
  return world;
}

function tunnelOf({ host }: Node, name: string) {
  return host.kernel.devices.get(name)!;
}

function mtusOf({ server, clients: [client] }: World): number[] {
  return [tunnelOf(server, "p0").mtu, tunnelOf(server, "p1").mtu, tunnelOf(client!, "ipipou1").mtu];
}

Deno.test("Tunnels have the MTU of the route to the far side less 28, and follow it, on either side", async () => {
  const world = await connected();
  const { server, clients: [client] } = world;
  assert.deepEqual(mtusOf(world), [1472, 1472, 1472]);
  world.admin(server).ip("link set dev eth0 mtu 1400");
  world.admin(client!).ip("route replace default dev eth0 via 10.0.0.254 mtu 1300");
  await world.pass(2);
  assert.deepEqual(mtusOf(world), [1372, 1372, 1272]);
  // A tunnel that moves takes the MTU of its new route.
  world.admin(server).ip("route add 198.51.100.3/32 dev eth0 via 192.0.2.254 mtu 1200");
  await world.pass(2);
  world.natOf(0).renumber();
  client!.authenticate();
  await world.pass(2);
  assert.equal(tunnelOf(server, "p0").outer!.remote, "198.51.100.3");
  assert.deepEqual(mtusOf(world).slice(0, 1), [1172]);
  world.admin(server).ip("link set dev eth0 mtu 1500");
  server.kill();
  server.start();
  await world.pass(2);
  assert.equal(tunnelOf(server, "p0").mtu, 1172);
  world.admin(server).deleteRoute("198.51.100.3");
  await world.pass(2);
  assert.equal(tunnelOf(server, "p0").mtu, 1472);
});

Deno.test("An MTU that was set by hand stays, across repairs, moves and restarts, until the settings give one", async () => {
  const world = await connected();
  const { server } = world;
  const admin = world.admin(server);
  admin.ip("link set dev p0 mtu 1300");
  const runs = await runsDuring(server, () => world.pass(2));
  assert.deepEqual(changesIn(runs), []);
  admin.ip("link set dev eth0 mtu 1400");
  await world.pass(2);
  assert.deepEqual(mtusOf(world).slice(0, 2), [1300, 1372]);
  world.natOf(0).renumber();
  for (const client of world.clients) client.authenticate();
  server.kill();
  admin.ip("link set dev p1 mtu 1250");
  server.start();
  await world.pass(30);
  world.assertConnected();
  assert.deepEqual(mtusOf(world).slice(0, 2), [1300, 1250]);
  server.reload(hub({ mtu: 1280 }));
  await world.pass(2);
  assert.deepEqual(mtusOf(world).slice(0, 2), [1280, 1280]);
  admin.ip("link set dev p0 mtu 1300");
  await world.pass(2);
  assert.equal(tunnelOf(server, "p0").mtu, 1280);
  server.reload(hub());
  await world.pass(2);
  assert.deepEqual(mtusOf(world).slice(0, 2), [1372, 1372]);
});

Deno.test("A reload or restart changes a tunnel's header and MTU in place", async () => {
  const world = await connected();
  const { server } = world;
  const { index } = tunnelOf(server, "p0");
  const header = { ttl: "inherit", tos: 0x20, pmtudisc: false } as const;
  server.reload(hub({ header, mtu: 1400 }));
  await world.pass(2);
  assert.ok(server.hasLogged(/reload: p0: tunl\.ttl changed from 64 to inherit/));
  assert.ok(server.hasLogged(/reload: p0: tunl\.tos changed from 0x00 to 0x20/));
  assert.ok(server.hasLogged(/reload: p0: tunl\.mtu changed from auto to 1400/));
  assert.equal(tunnelOf(server, "p0").outer!.header, "ttl inherit tos 0x20 nopmtudisc");
  server.kill();
  server.settings = hub({ header: { ...header, tos: "inherit" } });
  server.start();
  await world.pass(2);
  assert.equal(tunnelOf(server, "p0").outer!.header, "ttl inherit tos inherit nopmtudisc");
  assert.deepEqual([tunnelOf(server, "p0").index, tunnelOf(server, "p0").mtu], [index, 1472]);
  world.assertConnected();
});

Deno.test("A tunnel that was made without a TTL of its own, by version 0.1 or an older run, gets it when it is taken over", async () => {
  const world = await connected();
  const { server, clients } = world;
  for (const [node, name] of [[server, "p0"], [clients[0]!, "ipipou1"]] as const) {
    node.kill();
    const { local, remote, encap } = tunnelOf(node, name).outer!;
    world.admin(node).ip(
      `link set dev ${name} alias ipipou:${node === server ? "hub" : "ipipou1"} type ipip remote ${remote} ` +
        `local ${local} ttl inherit encap fou encap-sport ${encap!.sport} encap-dport ${encap!.dport}`,
    );
    node.start();
    await world.pass(2);
    assert.equal(tunnelOf(node, name).outer!.header, "ttl 64 tos 0x00 pmtudisc");
  }
  world.assertConnected();
});

Deno.test("A kernel that cannot clamp segment sizes has its gate all the same; the log says so once, and again at a reload", async () => {
  const settings = { ...hub(), mssClamp: "auto" } as const;
  const world = new World(settings, { canClamp: false });
  await world.begin();
  world.assertConnected();
  const { server } = world;
  const warnings = () => server.lines.filter((line) => line.includes("going on without --tunl-mss-clamp"));
  assert.equal(warnings().length, 1);
  world.admin(server).flushRuleset();
  await world.pass(5);
  world.assertConnected();
  assert.equal(warnings().length, 1);
  server.reload(settings);
  await world.pass(5);
  assert.equal(warnings().length, 2);
  world.assertConnected();
});
