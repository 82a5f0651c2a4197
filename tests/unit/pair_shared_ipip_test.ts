import assert from "node:assert/strict";
import { IpPacket } from "./fake/ip_packet.ts";
import type { Node } from "./pair/node.ts";
import { clientSettings, hubOf, packetBetween, peersOf, SERVER, World } from "./pair/world.ts";

/** A hub and clients, all of which leave plain IPIP to tunl0, or none. */
function newWorld(sharedIpip: boolean): World {
  const world = new World(hubOf(peersOf({ altIp: null, lifetime: 0, sharedIpip })));
  for (const [index, client] of world.clients.entries()) {
    const settings = clientSettings(index);
    client.settings = { ...settings, peers: settings.peers.map((peer) => ({ ...peer, sharedIpip })) };
  }
  for (const { host } of world.nodes) host.kernel.ip("link set dev tunl0 up");
  return world;
}

/** What becomes of an IPIP packet without FOU. */
function fateOf({ host }: Node, from: string, to: string): string {
  const fate = host.receive(IpPacket.wrap(from, to, packetBetween("10.0.0.1", "10.0.0.2", 100)).bytes);
  return fate.kind === "device" ? fate.name : fate.kind;
}

/** The fates of plain IPIP that arrives at the server and at the first client. */
function fates(world: World): string[] {
  const nat = world.natOf(0).address;
  const [client] = world.clients;
  return [fateOf(world.server, nat, SERVER.ip), fateOf(client!, SERVER.ip, world.insideOf(0).ip)];
}

const WARNING = /Warning: tunl0 is up: plain IPIP .*--tunl-shared-ipip/;

Deno.test("Where tunl0 is up, a tunnel says that it takes plain IPIP away", async () => {
  const world = newWorld(false);
  await world.begin();
  for (const { lines } of world.nodes) assert.equal(lines.filter((line) => WARNING.test(line)).length, 1);
  assert.deepEqual(fates(world), ["dropped", "dropped"]);
});

Deno.test("When tunl0 comes up, a tunnel says at once that it takes plain IPIP away", async () => {
  const world = new World();
  await world.begin();
  assert.ok(!world.server.hasLogged(WARNING));
  world.server.host.kernel.ip("link set dev tunl0 up");
  await world.pass(2);
  assert.ok(world.server.hasLogged(WARNING), world.story);
});

Deno.test("With --tunl-shared-ipip plain IPIP goes to tunl0 at both ends, and nothing else changes", async () => {
  const world = newWorld(true);
  const before = world.snapshots();
  await world.begin();
  world.assertConnected();
  for (const node of world.nodes) assert.ok(!node.hasLogged(WARNING));
  assert.deepEqual(fates(world), ["tunl0", "tunl0"]);
  // To a private address no one sends.
  assert.equal(fateOf(world.server, world.natOf(0).address, "172.29.0.0"), "passed");
  for (const node of world.nodes) node.reload();
  await world.pass(2);
  world.assertConnected();
  for (const node of world.nodes) node.kill();
  for (const node of world.nodes) node.start();
  await world.pass(5);
  world.assertConnected();
  assert.deepEqual(fates(world), ["tunl0", "tunl0"]);
  for (const node of world.nodes) await node.stop();
  assert.deepEqual(world.snapshots(), before);
});

Deno.test("Plain IPIP of an address that another peer's tunnel takes is dropped all the same", async () => {
  const peers = peersOf({ altIp: null, lifetime: 0 });
  const world = new World(hubOf(peers.map((peer) => ({ ...peer, sharedIpip: peer.name === "p0" }))));
  world.server.host.kernel.ip("link set dev tunl0 up");
  await world.begin();
  world.assertConnected();
  assert.equal(fateOf(world.server, world.natOf(0).address, SERVER.ip), "dropped");
  world.server.reload(hubOf(peers.slice(0, 1).map((peer) => ({ ...peer, sharedIpip: true }))));
  await world.pass(2);
  assert.equal(fateOf(world.server, world.natOf(0).address, SERVER.ip), "tunl0");
});
