import assert from "node:assert/strict";
import type { Node } from "./pair/node.ts";
import { clientSettings, hubOf, peersOf, schemeOf, World } from "./pair/world.ts";

/** The events of a node's log during `work`, without the word `event`, each as its values by key. */
async function eventsDuring(node: Node, work: () => Promise<void>): Promise<Record<string, string>[]> {
  node.events.length = 0;
  await work();
  return node.events.map((event) => ({ ...event }));
}

Deno.test("A server's log has pairs for what becomes of its peers", async () => {
  const world = new World();
  const { server } = world;
  const started = await eventsDuring(server, () => world.begin());
  assert.deepEqual(started[0], { event: "listening", local: "192.0.2.1:10000,192.0.2.1:10001" });
  const [up, ...others] = started.slice(1);
  const { remote } = up!;
  assert.deepEqual(up, { event: "up", peer: "p0", remote, port: "10000", dev: "p0" });
  assert.match(remote!, /^198\.51\.100\.2:\d+$/);
  assert.deepEqual(others.map(({ event, peer }) => `${event} ${peer}`), ["up p1", "up p2"]);

  const [moved] = await eventsDuring(server, async () => {
    world.nats[0].forget();
    world.clients[0]!.authenticate();
    await world.pass(2);
  });
  const to = moved!.remote;
  assert.deepEqual(moved, { event: "moved", peer: "p0", from: remote, remote: to, port: "10000" });
  assert.notEqual(to, remote);

  assert.deepEqual(await eventsDuring(server, () => world.clients[0]!.stop()), [
    { event: "shut-out", peer: "p0", why: "good-bye" },
  ]);
  const expired = await eventsDuring(server, async () => {
    world.clients[2]!.kill();
    await world.pass(70);
  });
  assert.deepEqual(expired.filter(({ event }) => event === "shut-out"), [
    { event: "shut-out", peer: "p2", why: "expired" },
  ]);
  const reload = await eventsDuring(server, async () => {
    server.reload(hubOf(peersOf().slice(0, 2)));
    await world.pass(2);
  });
  assert.deepEqual(reload, [{ event: "reload" }]);
  assert.deepEqual(await eventsDuring(server, () => server.stop()), [
    { event: "stopping", signal: "SIGTERM" },
  ]);
});

Deno.test("A server's log has the reason for which a peer is shut out, and who is there instead", async () => {
  const world = new World();
  await world.begin();
  const { server } = world;
  const [place] = world.placeOf(0)!.split(" ");
  const [ip, port] = place!.split(":");
  const displaced = await eventsDuring(server, async () => {
    for (const client of [0, 1]) world.clients[client]!.kill();
    server.host.receive(world.forge(1, ip!, Number(port)));
    await world.pass(70);
  });
  assert.deepEqual(displaced.filter(({ event }) => event === "shut-out"), [
    { event: "shut-out", peer: "p0", why: "displaced", by: "p1", remote: place },
  ]);
  const changed = await eventsDuring(server, async () => {
    const [, , third] = peersOf();
    server.reload(hubOf([...peersOf().slice(0, 2), { ...third!, scheme: schemeOf(1, "server") }]));
    await world.pass(2);
  });
  assert.deepEqual(changed.filter(({ event }) => event === "shut-out"), [
    { event: "shut-out", peer: "p2", why: "settings" },
  ]);
});

Deno.test("A server's log counts each refused packet once", async () => {
  const world = new World();
  await world.begin();
  const events = await eventsDuring(world.server, async () => {
    for (let port = 1; port <= 7; port++) {
      world.attack({ ip: "203.0.113.9", port }, new TextEncoder().encode("a token of 24 charactors"));
      await world.pass(1);
    }
    await world.pass(60);
  });
  const refused = events.filter(({ event }) => event === "refused");
  assert.deepEqual(refused, [
    { event: "refused", remote: "203.0.113.9:1", count: "1", why: "wrong token" },
    { event: "refused", remote: "203.0.113.9:7", count: "6", why: "6 wrong token" },
  ]);
});

Deno.test("A client's log has pairs for what becomes of its server", async () => {
  const world = new World();
  const [client] = world.clients;
  const names = { peer: "ipipou1", remote: "192.0.2.1:10000" };
  assert.deepEqual(await eventsDuring(client!, () => world.begin()), [
    { event: "set-up", ...names, dev: "ipipou1" },
    { event: "accepted", ...names },
  ]);
  const gone = await eventsDuring(client!, async () => {
    await world.server.stop();
    await world.pass(60);
  });
  assert.deepEqual(gone.slice(0, 2), [{ event: "server-stopped", ...names }, {
    event: "no-reply",
    ...names,
  }]);
  const back = await eventsDuring(client!, async () => {
    world.server.start();
    await world.pass(60);
  });
  assert.deepEqual(back.at(-1), { event: "accepted", ...names });
});

Deno.test("The log has pairs for what is lost and restored, and for settings that cannot be used", async () => {
  const world = new World();
  await world.begin();
  const { server } = world;
  const lost = await eventsDuring(server, async () => {
    world.admin(server).ip("link delete dev p1");
    await world.pass(5);
  });
  assert.deepEqual(lost, [{ event: "restoring", what: "device", name: "p1", count: "1" }]);
  const failed = await eventsDuring(server, async () => {
    server.reload(clientSettings(0));
    await world.pass(2);
  });
  assert.deepEqual(failed, [{ event: "reload-failed", code: "2" }]);
});
