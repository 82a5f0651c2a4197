import assert from "node:assert/strict";
import { cleanup } from "../../lib/commands/cleanup.ts";
import { EXIT, IpipouError } from "../../lib/errors.ts";
import { Log } from "../../lib/log.ts";
import { changesIn, runsDuring } from "./pair/commands.ts";
import { Node } from "./pair/node.ts";
import { clientSettings, hubOf, peersOf, PORT, SERVER, SERVER_NAME, World } from "./pair/world.ts";
import { samplePeer, sampleSettings } from "./samples.ts";

const SILENT = new Log({ verbosity: 0, time: false, pid: null, write: () => {}, now: () => new Date() });

/** A second program on a node's host. */
function beside(world: World, node: Node, settings: Node["settings"] & object): Node {
  return new Node(world.clock, node.host, settings as Exclude<Node["settings"], Error>);
}

/** Settings of another server with one peer, on this queue and port. */
function otherServer(queue: number, port: number) {
  const tunnel = { device: "other", ip: "172.28.0.8", peerIp: "172.28.0.9" };
  return sampleSettings({
    peers: [samplePeer({ name: "other", tunnel, altIp: null })],
    local: { ip: null, device: "eth0", ports: [port] },
    queue: { number: queue, maxLength: 24 },
  });
}

function assertEndedWith(node: Node, exitCode: number, message: RegExp): void {
  assert.ok(node.end instanceof IpipouError, String(node.end));
  assert.equal(node.end.exitCode, exitCode);
  assert.match(node.end.message, message);
}

Deno.test("Server and client set up a tunnel without a program, but for the rules of the gate", async () => {
  const world = new World();
  world.server.start();
  await world.pass(1);
  const [client] = world.clients;
  let onClient: string[] = [];
  const onServer = await runsDuring(world.server, async () => {
    onClient = await runsDuring(client!, async () => {
      client!.start();
      await world.pass(1);
    });
  });
  assert.deepEqual(changesIn(onClient).filter((program) => program !== "netlink"), ["nft"]);
  assert.deepEqual(new Set(changesIn(onServer)), new Set(["netlink"]));
  assert.equal(world.sendData(0), "p0");
});

Deno.test("A foreign FOU port of the same number is used and left in place, with a warning, even after a crash", async () => {
  const world = new World();
  const [client] = world.clients;
  world.admin(client!).addFouPort(`port ${PORT}`);
  const before = world.snapshots()[1];
  world.server.start();
  client!.start();
  await world.pass(5);
  client!.kill();
  client!.start();
  await world.pass(5);
  assert.equal(world.sendData(0), "p0");
  const warnings = client!.lines.filter((line) => line.includes("FOU port 0.0.0.0:10000 is foreign"));
  assert.deepEqual(warnings.map((line) => line.split(": ").at(-1)), [
    "ip fou del port 10000",
    "ip fou del port 10000",
  ]);
  await client!.stop();
  assert.deepEqual(world.snapshots()[1], before);
});

Deno.test("Two clients on one host share a FOU port: the first to stop leaves it, the last removes it", async () => {
  const world = new World();
  const before = world.snapshots()[1];
  await world.begin();
  const [client] = world.clients;
  const settings = clientSettings(0);
  const peers = settings.peers.map((peer) => ({
    ...peer,
    name: "ipipou2",
    tunnel: { ...peer.tunnel, device: "ipipou2", ip: "172.28.1.1", peerIp: "172.28.1.0" },
    remote: { host: "203.0.113.9", port: PORT },
  }));
  const second = beside(world, client!, { ...settings, name: "ipipou2", peers });
  second.start();
  await world.pass(2);
  assert.ok(second.hasLogged(/Warning: FOU port 10\.0\.0\.2:10000 is also used by ipipou1: /));
  await client!.stop();
  assert.deepEqual([...client!.host.kernel.listeners.keys()], ["10.0.0.2:10000"]);
  await second.stop();
  assert.deepEqual(world.snapshots()[1], before);
});

Deno.test("A server whose gate would cut off another instance's tunnel is refused, at its start and at a reload", async () => {
  const world = new World();
  await world.begin();
  const [client] = world.clients;
  const refused = /Cannot wait for clients at 10\.0\.0\.2:10000: ipipou1 has a tunnel at that FOU port, /;
  const before = world.snapshots()[1];
  const early = beside(world, client!, otherServer(3, PORT));
  early.start();
  await world.pass(1);
  assertEndedWith(early, EXIT.ipFou, refused);
  assert.deepEqual(world.snapshots()[1], before);
  const server = beside(world, client!, otherServer(3, 10_009));
  server.start();
  await world.pass(1);
  server.reload(otherServer(3, PORT));
  await world.pass(1);
  assert.ok(
    server.lines.some((line) =>
      refused.test(line) && line.endsWith("going on with the settings as they were")
    ),
  );
  await server.stop();
  world.assertConnected();
});

Deno.test("A server at the FOU port of another one is refused, also while that has no client", async () => {
  const world = new World();
  world.server.start();
  await world.pass(1);
  const before = world.snapshots()[0];
  const second = beside(world, world.server, otherServer(3, PORT));
  second.start();
  await world.pass(1);
  assertEndedWith(
    second,
    EXIT.ipFou,
    /^Cannot wait for clients at 192\.0\.2\.1:10000: \S+ has a gate in front of that FOU port, which drops what is for others; choose another --fou-local-port, or stop /,
  );
  assert.deepEqual(world.snapshots()[0], before);
});

Deno.test("Two servers on one host share the table: the one that stops leaves the other's gate", async () => {
  const world = new World();
  const before = world.snapshots();
  await world.begin();
  const second = beside(world, world.server, otherServer(3, 10_009));
  second.start();
  await world.pass(1);
  assert.ok(second.hasLogged(/waiting for clients at 192\.0\.2\.1:10009/));
  await second.stop();
  world.assertConnected();
  for (const node of world.nodes) await node.stop();
  assert.deepEqual(world.snapshots(), before);
});

Deno.test("A server that cannot open its queue leaves the kernel as it was", async () => {
  const world = new World();
  await world.begin();
  const before = world.snapshots()[0];
  const second = beside(world, world.server, otherServer(0, 10_009));
  second.start();
  await world.pass(1);
  assertEndedWith(second, EXIT.queue, /netfilter queue 0.*another process has/);
  assert.deepEqual(world.snapshots()[0], before);
});

Deno.test("A foreign device with the tunnel's name is an error and is left in place", async () => {
  const world = new World();
  const [client] = world.clients;
  world.admin(client!).addDevice("ipipou1");
  const before = world.snapshots()[1];
  client!.start();
  await world.pass(1);
  assertEndedWith(client!, EXIT.ipLink, /ipipou1: there is a device of this name that is not ours \(dummy\)/);
  assert.deepEqual(world.snapshots()[1], before);
});

Deno.test("A stop that cannot remove everything ends with exit code 200, and cleanup removes the rest", async () => {
  const world = new World();
  const before = world.snapshots()[0];
  await world.begin();
  const { server } = world;
  server.host.programs.missing.add("nft");
  await server.stop();
  assertEndedWith(
    server,
    EXIT.cleanup,
    /^Cannot clean up: Cannot run nft: not found in PATH; .*; to remove the rest: ipipou cleanup -s -n 0 --tunl-dev hub --fou-local-port 10000,10001$/,
  );
  server.host.programs.missing.clear();
  const identification = {
    mode: "server",
    name: "hub",
    ports: [PORT, PORT + 1],
    queue: 0,
    table: "ipipou",
  } as const;
  const cleaning = cleanup(identification, server.host.start().system, SILENT);
  await world.pass(1);
  assert.match(await cleaning, /removed device p0, tunnel to 198\.51\.100\.2:\d+\n/);
  assert.deepEqual(world.snapshots()[0], before);
});

Deno.test("A client waits for its server's name, reports that as its status, and stops on request", async () => {
  const world = new World();
  const [client, other] = world.clients;
  world.server.start();
  for (const node of [client!, other!]) {
    node.host.resolver.addresses.clear();
    node.start();
  }
  await world.pass(20);
  assert.equal(client!.status, `waiting for the IPv4 address of ${SERVER_NAME}`);
  client!.host.resolver.addresses.set(SERVER_NAME, SERVER.ip);
  await world.pass(40);
  assert.equal(world.sendData(0), "p0");
  await other!.stop();
  assert.equal(other!.end, "stopped");
  assert.ok(other!.hasLogged(/: stopping$/), world.story);
});

Deno.test("An auth packet that cannot be sent is sent once there is a route", async () => {
  const world = new World();
  world.server.start();
  const [client] = world.clients;
  // If it were bound to a device, it would be sent even without a route.
  client!.settings = { ...clientSettings(0), local: { ip: "10.0.0.2", device: null, ports: [PORT] } };
  world.admin(client!).deleteRoute("default");
  client!.start();
  await world.pass(5);
  assert.ok(
    client!.hasLogged(/Warning: ipipou1: auth packet not sent: .*ENETUNREACH.*; trying again until it is/),
    world.story,
  );
  world.admin(client!).addRoute("default dev eth0 via 10.0.0.254");
  await world.pass(30);
  assert.equal(world.sendData(0), "p0");
});

Deno.test("A server run as a service waits for its network device, and for the device's address", async () => {
  const world = new World();
  const settings = hubOf(peersOf(), { local: { ip: null, device: "eth7", ports: [PORT] } });
  world.server.settings = settings;
  world.server.start();
  await world.pass(5);
  assert.match(world.server.status!, /^waiting for the network device eth7: there is no such device/);
  const admin = world.admin(world.server);
  admin.addDevice("eth7");
  await world.pass(1);
  assert.equal(world.server.status, "waiting for the network device eth7: it has no IPv4 address");
  admin.addAddress("eth7", "203.0.113.7/24");
  await world.pass(1);
  assert.equal(world.server.status, "waiting for clients at 203.0.113.7:10000; 0 of 3 peers admitted");
});

Deno.test("A stop that the kernel refuses names what is left, and the command that removes it", async () => {
  const world = new World();
  await world.begin();
  const [client] = world.clients;
  client!.host.kernel.refuses = (line) => line.startsWith("fou del") ? "Device or resource busy" : null;
  await client!.stop();
  assertEndedWith(
    client!,
    EXIT.cleanup,
    /^Cannot clean up: .*; left: .*FOU port 10\.0\.0\.2:10000.*; to remove the rest: ipipou cleanup -n 0 --tunl-dev ipipou1$/,
  );
});

Deno.test("The command that removes the rest is that of the settings in use, after a reload", async () => {
  const world = new World();
  await world.begin();
  const [client] = world.clients;
  client!.reload({ ...clientSettings(0), local: { ip: null, device: "eth0", ports: [10_009] } });
  await world.pass(5);
  client!.host.kernel.refuses = (line) => line.startsWith("fou del") ? "Device or resource busy" : null;
  await client!.stop();
  assertEndedWith(
    client!,
    EXIT.cleanup,
    /left: .*FOU port 10\.0\.0\.2:10009.*; to remove the rest: ipipou cleanup -n 0 --tunl-dev ipipou1 --fou-local-port 10009$/,
  );
});

Deno.test("A second run of an instance, and its cleanup, are refused while one runs, and change nothing; a killed one is in nobody's way", async () => {
  const world = new World();
  await world.begin();
  for (const node of [world.server, world.clients[0]!]) {
    const { mode, name } = node.settings as Exclude<Node["settings"], Error>;
    const before = world.snapshots();
    const second = beside(world, node, node.settings);
    second.start();
    await world.pass(5);
    const why =
      `^Cannot run ${name}: process \\d+ runs it; stop that one first, or give this one another --number$`;
    assertEndedWith(second, EXIT.failure, new RegExp(why));
    const identification = { mode, name, ports: [PORT] as const, queue: 0, table: "ipipou" };
    await assert.rejects(cleanup(identification, node.host.start().system, SILENT), {
      exitCode: EXIT.cleanup,
      message: /^Cannot clean up \w+: process \d+ runs it; stop that one first$/,
    });
    await world.pass(5);
    assert.deepEqual(world.snapshots(), before);
    node.kill();
    second.start();
    await world.pass(30);
    assert.ok(second.isRunning);
    assert.equal(world.sendData(0), "p0");
  }
});
