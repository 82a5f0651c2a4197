import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { type StatusContext, StatusService } from "../../../lib/daemon/status_service.ts";
import { Log } from "../../../lib/log.ts";
import type { StatusSocket } from "../../../lib/ports.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import { writeText } from "../../../lib/status/lines.ts";
import type { TunnelStatus } from "../../../lib/status/snapshot.ts";
import { ACCEPTED } from "../auth/vectors.ts";
import { VirtualClock } from "../fake/clock.ts";
import { clientSettings, hubOf, peersOf, SERVER, World } from "../pair/world.ts";
import { ask, connect, linesOf } from "./status_scene.ts";
import { turn } from "../turn.ts";

Deno.test("A tunnel that the kernel refuses is faulty, on a client, and an instance whose change it refuses, on either side", async () => {
  const world = new World();
  await world.begin();
  const [client] = world.clients;
  world.admin(client!).moveElsewhere("ipipou1");
  await world.pass(60);
  const { instance, tunnels: [tunnel] } = await ask(world, client!);
  for (const { state, ok, why } of [instance, tunnel!]) {
    assert.deepEqual([state, ok], ["faulty", false]);
    assert.match(why!, /was moved to another network namespace/);
  }
  client!.host.kernel.links.elsewhere.clear();
  await world.pass(60);
  assert.equal((await ask(world, client!)).instance.state, "up");
  world.server.host.kernel.refuses = (line) =>
    line.startsWith("fou add") ? "No buffer space available" : null;
  world.admin(world.server).deleteFouPort("port 10000 local 192.0.2.1");
  await world.pass(60);
  const refused = (await ask(world, world.server)).instance;
  assert.deepEqual([refused.state, refused.ok], ["faulty", false]);
  world.server.host.kernel.refuses = () => null;
  await world.pass(60);
  assert.equal((await ask(world, world.server)).instance.state, "up");
});

Deno.test("A FOU port that was deleted is back once somebody has asked, on either side", async () => {
  const world = new World();
  await world.begin();
  const [client] = world.clients;
  for (const [node, port] of [[world.server, "192.0.2.1"], [client!, "10.0.0.2"]] as const) {
    await world.pass(2);
    const before = world.snapshots();
    const { length } = world.seen;
    assert.ok(world.admin(node).deleteFouPort(`port 10000 local ${port}`));
    assert.notDeepEqual(world.snapshots(), before);
    await ask(world, node);
    await world.clock.advance(100);
    assert.deepEqual(world.snapshots(), before, world.story);
    assert.equal(world.seen.length, length, "no auth packet came meanwhile");
    assert.equal((await ask(world, node)).instance.heals, 1);
  }
});

Deno.test("An instance tells why its last reload failed, until one succeeds", async () => {
  const world = new World();
  await world.begin();
  const { server } = world;
  const look = async () => (await ask(world, server)).instance;
  assert.equal((await look())["reload_failed"], null);
  const { settings } = server;
  server.reload(new Error(`hub.toml:3:1: ${"long ".repeat(10_000)}`));
  await world.pass(10);
  const { state, "reload_failed": failed } = await look();
  assert.equal(state, "up");
  assert.ok(failed!.why.startsWith("hub.toml:3:1: long") && failed!.why.length === 500, failed!.why);
  assert.ok(failed!.age >= 9 && failed!.age < 20, `${failed!.age}`);
  server.reload(settings as Settings);
  await world.pass(4);
  assert.equal((await look())["reload_failed"], null);
});

Deno.test("A client whose data gets no answer is not up, however often it is accepted", async () => {
  const world = new World();
  world.clients[0]!.settings = { ...clientSettings(0), keepalive: 8 };
  await world.begin();
  const look = async () => (await ask(world, world.clients[0]!)).tunnels[0]!;
  const received = ({ stats64, received_age }: TunnelStatus) => [stats64!.rx, received_age === null];
  await world.pass(12);
  const idle = await look();
  assert.deepEqual([idle.state, idle.ok], ["authenticated, nothing received", true]);
  for (let round = 0; round < 4; round++) {
    world.sendData(0);
    await world.pass(8);
    const { state, ok, ...rest } = await look();
    assert.deepEqual([state, ok], ["authenticated, nothing received", false], world.story);
    assert.deepEqual(received(rest as TunnelStatus), [{ bytes: 0, packets: 0 }, true]);
  }
  world.sendBack(0);
  const answered = await look();
  assert.deepEqual([answered.state, answered.ok], ["up", true]);
  assert.deepEqual(received(answered), [{ bytes: 100, packets: 1 }, false]);
  for (let round = 0; round < 4; round++) {
    world.sendData(0);
    await world.pass(8);
  }
  const { state, ok, why, cure, received_age: age } = await look();
  assert.deepEqual([state, ok], ["silent", false], world.story);
  assert.ok(
    age! > 30 && why === `nothing came for ${Math.round(age!)} s, though something was sent`,
    `${why}, ${age}`,
  );
  assert.match(cure!, /firewall of 192\.0\.2\.1:10000/);
  world.sendBack(0);
  assert.equal((await look()).state, "up");
});

Deno.test("A client takes replies of before a reload or a kill for no data, and keeps what it has of data", async () => {
  for (const again of ["reload", "kill"] as const) {
    const world = new World();
    world.clients[0]!.settings = { ...clientSettings(0), keepalive: 8 };
    await world.begin();
    const [client] = world.clients;
    const look = async () => (await ask(world, client!)).tunnels[0]!;
    const restart = async () => {
      if (again === "reload") client!.reload();
      else {
        client!.kill();
        client!.start();
      }
      world.sendData(0);
      await world.pass(30);
    };
    await world.pass(30);
    await restart();
    const deaf = await look();
    assert.deepEqual([deaf.state, deaf.ok], ["authenticated, nothing received", false], again);
    assert.deepEqual(deaf.stats64!.rx, { bytes: 0, packets: 0 });
    world.sendBack(0);
    assert.deepEqual([(await look()).state, (await look()).stats64!.rx.bytes], ["up", 100]);
    await restart();
    const bytes = (await look()).stats64!.rx.bytes;
    assert.equal(bytes, again === "reload" ? 100 : 0, "a new process cannot tell");
  }
});

Deno.test("A client tells whether it is accepted, and what it waits for before it is ready", async () => {
  const world = new World();
  const [client] = world.clients;
  client!.start();
  await world.pass(2);
  const early = await ask(world, client!);
  assert.deepEqual([early.instance.role, early.tunnels[0]!.state], ["client", "authenticating"]);
  await world.pass(10);
  const late = (await ask(world, client!)).tunnels[0]!;
  assert.deepEqual([late.state, late.ok], ["set up, not yet accepted", false]);
  assert.match(late.cure!, /whether the server runs/);
  world.server.start();
  await world.pass(60);
  // The device counts replies as received, too.
  const idle = (await ask(world, client!)).tunnels[0]!;
  assert.deepEqual([idle.state, idle.ok], ["authenticated, nothing received", true]);
  world.sendData(0);
  world.sendBack(0);
  const { state, remote, stats64 } = (await ask(world, client!)).tunnels[0]!;
  assert.deepEqual([state, remote], ["up", { address: SERVER.ip, port: 10_000 }]);
  assert.deepEqual(stats64!.rx, { bytes: 100, packets: 1 });
});

Deno.test("An instance tells what it waits for before it is ready, and what keeps it from working", async () => {
  const world = new World();
  const settings = hubOf(peersOf());
  world.server.settings = { ...settings, local: { ...settings.local, device: "eth7" } };
  world.server.start();
  await world.pass(1);
  const { instance } = await ask(world, world.server);
  assert.deepEqual([instance.state, instance.ok, instance.tunnels], ["waiting", false, 0]);
  assert.match(instance.why!, /network device eth7: there is no such device/);
});

Deno.test("A status has no secret", async () => {
  const world = new World();
  await world.begin();
  for (const node of world.nodes) {
    const text = JSON.stringify(await ask(world, node));
    assert.doesNotMatch(text, /a token of 24|privateKey|secret/);
    for (const { privateKey } of ACCEPTED) {
      for (const key of [privateKey.toBase64(), privateKey.toHex()]) assert.ok(!text.includes(key));
    }
  }
});

Deno.test("A connection takes one request after another, and ends at anything that is none", async () => {
  const world = new World();
  await world.begin();
  const connection = connect(world.server);
  const began = world.clock.now();
  for (let turn = 0; turn < 3; turn++) {
    assert.equal((await ask(world, world.server, { get: "status" }, connection)).tunnels.length, 3);
  }
  assert.ok(world.clock.now() - began >= 200, "at most ten a second");
  for (const text of ["{}\n", "status\n", '{"get":"secrets"}\n', '{"get":"status","peer":7}\n']) {
    const lines = await linesOf(world, connect(world.server), text, () => false);
    assert.deepEqual(lines, [{ version: 1, error: "not a request" }], text);
  }
  assert.deepEqual(await linesOf(world, connect(world.server), "x".repeat(2_000), () => false), []);
  assert.deepEqual(
    await linesOf(world, connect(world.server), '{"get":"sta', (lines) => lines.length === 0),
    [],
  );
});

Deno.test("Who does not read or says nothing is sent away, and others get their answer", async () => {
  const peers = Array.from({ length: 1_000 }, (_, index) => ({
    ...peersOf()[1]!,
    name: `peer${index}`,
    tunnel: {
      ...peersOf()[1]!.tunnel,
      device: `peer${index}`,
      peerIp: `172.28.${index >> 8}.${index & 255}`,
    },
    scheme: { kind: "token", token: new TextEncoder().encode(`a token of 24 letters ${index}`) } as const,
  }));
  const world = new World(hubOf(peers));
  world.server.start();
  await world.pass(2);
  const [deaf, dumb] = [connect(world.server), connect(world.server)];
  await writeText(deaf, '{"get":"status"}\n');
  for (let second = 0; second < 25; second++) {
    await turn();
    await world.pass(1);
  }
  const { tunnels } = await ask(world, world.server);
  assert.deepEqual(tunnels.map(({ name }) => name).sort(), peers.map(({ name }) => name).sort());
  await assert.rejects(writeText(dumb, '{"get":"status"}\n'), Deno.errors.BrokenPipe);
});

Deno.test("The ninth to ask at once takes the place of the first", async () => {
  const world = new World();
  await world.begin();
  const first = connect(world.server);
  const others = Array.from({ length: 8 }, () => connect(world.server));
  await turn();
  assert.equal(await first.read(new Uint8Array(1)), null);
  for (const connection of others) {
    assert.equal((await ask(world, world.server, { get: "status" }, connection)).tunnels.length, 3);
  }
});

Deno.test("Who asks is sent away when the instance stops", async () => {
  const world = new World();
  await world.begin();
  const connection = connect(world.server);
  await ask(world, world.server, { get: "status" }, connection);
  let isOver = false;
  const ending = connection.read(new Uint8Array(1)).then(() => isOver = true);
  await world.server.stop();
  await setImmediate();
  assert.ok(isOver);
  await ending;
});

Deno.test("An instance that cannot accept at its socket tries again after a second", async () => {
  const clock = new VirtualClock();
  let tries = 0;
  const socket: StatusSocket = {
    accept: () => ++tries > 50 ? Promise.resolve(null) : Promise.reject(new Error("EMFILE")),
    [Symbol.dispose]: () => {},
  };
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 1, time: false, pid: null, write, now: () => new Date() });
  using _service = new StatusService(socket, { clock, log } as Partial<StatusContext> as StatusContext);
  await clock.advance(3_500);
  assert.equal(tries, 4);
  assert.deepEqual(
    lines,
    Array.from({ length: 4 }, () => "Cannot answer who asks for the status: EMFILE; trying again"),
  );
});

Deno.test("An instance that cannot open its socket says so and works without", async () => {
  const world = new World();
  world.server.host.failSockets = "Permission denied";
  await world.begin();
  assert.ok(
    world.server.hasLogged(/Warning: Cannot offer a status: Permission denied; ipipou status can only ask/),
  );
  world.assertConnected();
});
