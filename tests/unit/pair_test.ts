import assert from "node:assert/strict";
import { hubOf, KEEPALIVE, packetBetween, peersOf, PORT, SERVER, World } from "./pair/world.ts";

const CLIENTS = [0, 1, 2] as const;

/** The command lines that the server runs during `work`, except those that only list. */
async function changesDuring(world: World, work: () => Promise<void> | void): Promise<string[]> {
  const { runs } = world.server.host.programs;
  const { length } = runs;
  await work();
  return runs.slice(length).filter((run) => !run.includes("-json") && !run.includes("-j "));
}

async function connected(hub = hubOf(peersOf())): Promise<World> {
  const world = new World(hub);
  await world.begin();
  world.assertConnected();
  return world;
}

Deno.test("Client and server connect with the first auth packets", async () => {
  const world = await connected();
  assert.equal(
    world.server.status,
    "waiting for clients at 192.0.2.1:10000, 192.0.2.1:10001; 3 of 3 peers admitted",
  );
  assert.equal(world.clients[0]!.status, "accepted by 192.0.2.1:10000");
  assert.equal(world.clients[1]!.status, "tunnel to 192.0.2.1:10000 set up");
  world.assertPlacesDiffer();
});

Deno.test("A server tells data from auth packets of the same length", async () => {
  const world = await connected();
  for (const length of [24, 73]) assert.equal(world.sendData(0, length), "p0");
});

Deno.test("A server says which clients are authenticated while no data comes, and that it comes; a client that gets no answer says so", async () => {
  const world = new World();
  await world.begin();
  const { server, clients } = world;
  await world.pass(300);
  const told = (node: typeof server, pattern: RegExp) =>
    node.lines.filter((line) => pattern.test(line)).length;
  assert.equal(
    told(server, /<5>p0, p1, p2: authenticated for 2 minutes, but nothing has come out of its tunnel; /),
    1,
  );
  assert.equal(told(server, /authenticated for 2 minutes/), 1);
  for (let time = 0; time < 5; time++) {
    world.sendData(0);
    await world.pass(25);
  }
  assert.equal(
    told(clients[0]!, /<4>Warning: ipipou1: accepted by 192\.0\.2\.1:10000, but nothing comes out/),
    1,
  );
  assert.equal(told(server, /data comes out/), 0);
  world.sendBack(0);
  await world.pass(26);
  assert.equal(told(server, /<5>p0: data comes out of its tunnel, and is sent into it/), 1);
  assert.equal(told(clients[1]!, /nothing comes out/), 0);
});

Deno.test("One key on two machines is told of once a minute at most, and which places they are", async () => {
  const world = new World();
  const { server } = world;
  const twin = await world.beginTwins();
  await world.pass(600);
  const told = server.lines.filter((line) =>
    /<4>Warning: p0: moves back and forth between 198\.51\.100/.test(line)
  );
  assert.ok(told.length >= 8 && told.length <= 11, server.lines.join("\n"));
  const moves = told.map((line) => Number(/, (\d+) times since/.exec(line)![1]));
  assert.ok(moves.slice(1).every((count) => count >= 4 && count <= 7), moves.join());
  const loud = server.lines.filter((line) => /<5>p0: moved from/.test(line));
  assert.ok(loud.length <= 4, loud.join("\n"));
  await twin.stop();
  await world.pass(200);
  const { length } = server.lines;
  world.nats[0].forget();
  await world.pass(30);
  assert.ok(server.lines.slice(length).some((line) => /<5>p0: moved from/.test(line)));
});

Deno.test("A client whose NAT port changes is cut off, and reconnects within one keepalive interval", async () => {
  const world = await connected();
  for (const nat of world.nats) nat.forget();
  for (const client of CLIENTS) assert.notEqual(world.sendData(client), `p${client}`);
  await world.pass(KEEPALIVE);
  world.assertConnected();
});

Deno.test("A client reconnects at once when it is asked to authenticate", async () => {
  const world = await connected();
  world.nats[1].renumber();
  world.clients[2]!.authenticate();
  await world.pass(1);
  world.assertConnected();
});

Deno.test("A server asks for routing rules when something changed, not for each client that moves", async () => {
  const world = await connected();
  const { kernel } = world.server.host;
  const admin = world.admin(world.server);
  const before = kernel.ruleQuestions;
  for (const nat of world.nats) nat.forget();
  await world.pass(KEEPALIVE);
  world.assertConnected();
  assert.equal(kernel.ruleQuestions, before);
  admin.changeSourceRule(SERVER.ip);
  await world.pass(5);
  assert.equal(kernel.ruleQuestions, before + 1);
});

Deno.test("A server whose socket cannot be opened once at its new address follows at the next try", async () => {
  const world = await connected();
  const { host } = world.server;
  const admin = world.admin(world.server);
  const moved = "192.0.2.7";
  host.failRawSockets = 1;
  admin.deleteAddress("eth0", SERVER.ip);
  admin.addAddress("eth0", `${moved}/24`);
  await world.pass(60);
  assert.equal(host.failRawSockets, 0);
  assert.match(world.server.status!, /192\.0\.2\.7/);
});

Deno.test("A reload to an address that is there ends what the one before lacked", async () => {
  const at = (ip: string) => hubOf(peersOf(), { local: { ip, device: "eth0", ports: [PORT, PORT + 1] } });
  const world = new World(at(SERVER.ip));
  await world.begin();
  const admin = world.admin(world.server);
  admin.deleteAddress("eth0", SERVER.ip);
  admin.addAddress("eth0", "192.0.2.7/24");
  await world.pass(5);
  assert.match(world.server.status!, /Cannot use/);
  world.server.reload(at("192.0.2.7"));
  await world.pass(5);
  assert.doesNotMatch(world.server.status!, /Cannot use/);
});

Deno.test("A server renews a lifetime with one transaction, and follows a move with one more message, without a program", async () => {
  const world = await connected();
  const authenticate = async () => {
    world.clients[2]!.authenticate();
    await world.pass(2);
  };
  const [renewal, ...others] = await changesDuring(world, authenticate);
  assert.match(renewal!, /^netlink nft .*add element ip ipipou remotes-hub \{ .* timeout /);
  assert.deepEqual(others, []);
  world.nats[1].forget();
  const changes = await changesDuring(world, authenticate);
  assert.deepEqual(changes.map((change) => change.split(" ").slice(0, 2).join(" ")), [
    "netlink ip",
    "netlink nft",
  ]);
});

Deno.test("A server runs nothing when a client without a lifetime authenticates again", async () => {
  const world = await connected();
  const authenticate = async () => {
    world.clients[0]!.authenticate();
    await world.pass(2);
  };
  assert.deepEqual(await changesDuring(world, authenticate), []);
});

Deno.test("A deleted tunnel device is back within a second, on either side", async () => {
  const world = await connected();
  world.admin(world.server).deleteDevice("p1");
  world.admin(world.clients[0]!).deleteDevice("ipipou1");
  assert.equal(world.sendData(1), null);
  await world.pass(2);
  world.assertConnected();
  assert.ok(world.server.lines.some((line) => line.endsWith("Warning: device p1 is gone: restoring it")));
  assert.ok(
    world.clients[0]!.lines.some((line) => line.endsWith("Warning: device ipipou1 is gone: restoring it")),
  );
});

Deno.test("A flushed gate is back within a second, with everyone it had admitted", async () => {
  const world = await connected();
  world.admin(world.server).flushRuleset();
  await world.pass(2);
  world.assertConnected();
  const fate = world.attack(
    { ip: "203.0.113.66", port: 40_000 },
    packetBetween("172.28.0.1", "172.28.0.0", 100),
  );
  assert.equal(fate.kind, "dropped");
});

Deno.test("A program that keeps flushing the ruleset causes one look and repair per second, after three at once", async () => {
  const world = await connected();
  const admin = world.admin(world.server);
  const { reads } = world.server.host;
  reads.length = 0;
  for (let count = 0; count < 100; count++) {
    admin.flushRuleset();
    await world.clock.advance(100);
  }
  const looks = reads.filter((what) => what === "table").length;
  assert.ok(looks >= 8 && looks <= 14, `${looks} looks in 10 s`);
  await world.pass(2);
  world.assertConnected();
});

Deno.test("A repair completes with the settings it began with when a reload comes during its look", async () => {
  const world = await connected();
  const { kernel, programs } = world.server.host;
  const hasFilter = () => kernel.tables.get("ipipou")!.chains.has("filter-hub");
  programs.latency = { run: 500, command: 10 };
  world.admin(world.server).deleteDevice("p1");
  await world.clock.advance(200);
  const [first, second, third] = peersOf();
  world.server.reload(hubOf([first!, second!, { ...third!, allowedIps: ["172.28.0.5/32"] }]));
  while (kernel.devices.get("p1")?.up !== true) await world.clock.advance(10);
  assert.equal(hasFilter(), false, "the repair goes by the settings that it began with");
  await world.pass(20);
  assert.equal(hasFilter(), true);
  world.assertConnected();
});

Deno.test("A killed server leaves its tunnels working, and the next server takes them over", async () => {
  const world = await connected();
  world.server.kill();
  world.assertConnected();
  world.server.start();
  await world.pass(2);
  world.assertConnected();
  assert.ok(world.server.lines.some((line) => line.includes("p2: taking over the tunnel to 198.51.100.4:")));
});

Deno.test("A stop leaves nothing behind on either side", async () => {
  const world = new World();
  const before = world.snapshots();
  await world.begin();
  for (const node of world.nodes) await node.stop();
  assert.deepEqual(world.nodes.map(({ end }) => end), world.nodes.map(() => "stopped"));
  assert.deepEqual(world.snapshots(), before);
  assert.equal(world.clock.pending, 0, "somebody still waits");
});
