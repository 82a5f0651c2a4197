import assert from "node:assert/strict";
import type { Scheme } from "../../lib/auth/scheme.ts";
import type { Settings } from "../../lib/settings/settings.ts";
import { ACCEPTED, ed25519 } from "./auth/vectors.ts";
import { changesIn, runsDuring } from "./pair/commands.ts";
import type { Node } from "./pair/node.ts";
import { clientSettings, hubOf, peersOf, PORT, World } from "./pair/world.ts";

/** A connected world, without lifetimes, which would differ between snapshots. */
async function connected(): Promise<World> {
  const world = new World(plainHub());
  await world.begin();
  world.assertConnected();
  return world;
}

function plainHub(fields: Partial<Settings> = {}): Settings {
  return hubOf(peersOf({ lifetime: 0 }), fields);
}

/** Reloads a node. @returns the command lines that it runs meanwhile */
async function reload(world: World, node: Node, settings: Settings | Error): Promise<string[]> {
  return await runsDuring(node, async () => {
    node.reload(settings);
    await world.pass(4);
  });
}

Deno.test("A reload with the same settings lists only the FOU ports, on either side, and changes nothing", async () => {
  const world = await connected();
  const before = world.snapshots();
  for (
    const [node, settings] of [[world.server, plainHub()], [world.clients[0]!, clientSettings(0)]] as const
  ) {
    node.host.reads.length = 0;
    assert.deepEqual(await reload(world, node, settings), []);
    assert.deepEqual(node.host.reads, ["FOU ports"]);
    assert.ok(node.hasLogged(/reload: no setting changed/));
  }
  assert.deepEqual(world.snapshots(), before);
});

Deno.test("A client uses a changed keepalive right after the reload", async () => {
  const world = await connected();
  const [client] = world.clients;
  const log = { verbosity: 1, time: false, pid: false, format: "text", addresses: true } as const;
  const runs = await reload(world, client!, { ...clientSettings(0), keepalive: 2, log });
  assert.deepEqual(changesIn(runs), []);
  assert.ok(client!.hasLogged(/reload: keepalive changed from 25 to 2/));
  const sent = () => client!.lines.filter((line) => line.endsWith("sent auth packet")).length;
  const before = sent();
  await world.pass(20);
  assert.equal(sent() - before, 10);
});

Deno.test("A server runs no command to change its verbosity or its queue's length", async () => {
  const world = await connected();
  const log = { verbosity: 2, time: false, pid: false, format: "text", addresses: true } as const;
  assert.deepEqual(changesIn(await reload(world, world.server, plainHub({ log }))), []);
  const longer = plainHub({ queue: { number: 0, maxLength: 100 } });
  assert.deepEqual(changesIn(await reload(world, world.server, longer)), []);
  assert.equal(world.server.host.queues.get(0)!.maxLength, 100);
});

Deno.test("A server changes its counters, its queue's number or a lifetime in one transaction, and back in another", async () => {
  const world = await connected();
  const before = world.snapshots();
  const [first, ...others] = peersOf({ lifetime: 0 });
  const changes: [Settings, string][] = [
    [plainHub({ nft: { table: "ipipou", counter: false } }), "nft"],
    [plainHub({ queue: { number: 7, maxLength: 24 } }), "nft"],
    [hubOf([{ ...first!, lifetime: 3_600 }, ...others]), "netlink"],
  ];
  for (const [settings, how] of changes) {
    assert.deepEqual(changesIn(await reload(world, world.server, settings)), [how]);
    const { number } = settings.queue;
    assert.deepEqual(new Set(world.server.host.queues.keys()), new Set([number, number + 32_768]));
    world.assertConnected();
    assert.deepEqual(changesIn(await reload(world, world.server, plainHub())), [how]);
    assert.deepEqual(world.snapshots(), before);
  }
});

Deno.test("Invalid settings are refused with one line and change nothing", async () => {
  const world = await connected();
  const before = world.snapshots();
  const eth9 = { ip: null, device: "eth9", ports: [PORT, PORT + 1] } as const;
  const cases: [Settings | Error, RegExp][] = [
    [
      new Error("hub.toml:2:10: a mistake"),
      /hub\.toml:2:10: a mistake; going on with the settings as they were/,
    ],
    [clientSettings(0), /server changed from on to off\): restart it/],
    [plainHub({ name: "other" }), /restart/],
    [plainHub({ nft: { table: "mine", counter: true } }), /nft\.table changed from ipipou to mine.*restart/],
    [plainHub({ local: eth9 }), /there is no such device/],
  ];
  for (const [settings, message] of cases) {
    const { length } = world.server.lines;
    await reload(world, world.server, settings);
    const errors = world.server.lines.slice(length).filter((line) => line.includes("Error:"));
    assert.equal(errors.length, 1, errors.join("\n"));
    assert.match(errors[0]!, message);
    assert.deepEqual(world.snapshots(), before);
  }
  world.server.settings = plainHub();
  world.assertConnected();
});

Deno.test("A client that reloads invalid settings keeps those it had, and still authenticates", async () => {
  const world = await connected();
  const { length } = world.server.lines;
  await reload(world, world.clients[1]!, new Error("office.toml:1:1: a mistake"));
  assert.ok(
    world.clients[1]!.hasLogged(/office\.toml:1:1: a mistake; going on with the settings as they were/),
  );
  assert.ok(world.server.lines.slice(length).some((line) => line.includes("p1: authenticated again")));
});

Deno.test("A queue that another process has is refused, and the old queue stays in use", async () => {
  const world = await connected();
  const { openPacketQueue } = world.server.host.start().system;
  using _others = openPacketQueue({ number: 2, maxLength: 1, copyRange: 1 });
  await reload(world, world.server, plainHub({ queue: { number: 2, maxLength: 24 } }));
  assert.ok(world.server.hasLogged(/netfilter queue 2: .*another process has/));
  world.server.settings = plainHub();
  world.nats[0].forget();
  for (const client of world.clients) client.authenticate();
  await world.pass(2);
  world.assertConnected();
});

Deno.test("A change that the kernel refuses twice is given up and rolled back", async () => {
  const world = await connected();
  const before = world.snapshots();
  const { kernel } = world.server.host;
  kernel.refuses = (line) => /^fou add .* local 172\.29\.0\.9/.test(line) ? "Address already in use" : null;
  const [first, ...others] = peersOf({ lifetime: 0 });
  await reload(world, world.server, hubOf([{ ...first!, altIp: "172.29.0.9", forceAlt: true }, ...others]));
  assert.ok(
    world.server.hasLogged(/Address already in use; .*going on with the settings as they were/),
    world.story,
  );
  await world.pass(5);
  assert.deepEqual(world.snapshots(), before);
});

Deno.test("A changed proof shuts out the old client at once, and admits a client with the new proof", async () => {
  const world = await connected();
  const client = world.clients[0]!;
  const [first, ...others] = peersOf({ lifetime: 0 });
  const { privateKey, publicKey } = ACCEPTED[2]!;
  const token: Scheme = { kind: "token", token: new TextEncoder().encode("another token, and longer") };
  const proofs: [Scheme, Scheme][] = [
    [token, token],
    [ed25519({ secret: "s", remotePublicKey: publicKey }), ed25519({ secret: "s", privateKey })],
    [ed25519({ secret: "t", remotePublicKey: publicKey }), ed25519({ secret: "t", privateKey })],
  ];
  for (const [asked, given] of proofs) {
    const { length } = world.server.lines;
    await reload(world, world.server, hubOf([{ ...first!, scheme: asked }, ...others]));
    assert.ok(
      world.server.lines.slice(length).some((line) => line.includes("p0: shut out until")),
      world.story,
    );
    assert.equal(world.sendData(0), null);
    client.authenticate();
    await world.pass(4);
    assert.equal(world.sendData(0), null);
    const settings = clientSettings(0);
    const peers = settings.peers.map((peer) => ({ ...peer, scheme: given }));
    await reload(world, client, { ...settings, peers });
    assert.equal(world.sendData(0), "p0");
    const secrets = [world.server, client].flatMap(({ lines }) => lines).filter((line) =>
      line.includes("another token")
    );
    assert.deepEqual(secrets, []);
  }
});

Deno.test("A server tells of a client whose token is longer than any proof that it asks for", async () => {
  const world = await connected();
  const settings = clientSettings(0);
  const scheme: Scheme = { kind: "token", token: new TextEncoder().encode("x".repeat(90)) };
  world.nats[0].forget();
  const peers = settings.peers.map((peer) => ({ ...peer, scheme }));
  await reload(world, world.clients[0]!, { ...settings, peers });
  await world.pass(10);
  const words = /not an extension of a known form \(it has 90 bytes, as of a client that has a token, /;
  assert.ok(world.server.hasLogged(words), world.story);
});

Deno.test("A server tells of a client that authenticates in another way than it asks for, and strangers do not fill its log", async () => {
  const world = await connected();
  const [client] = world.clients;
  const settings = clientSettings(0);
  const schemes: [Scheme, RegExp][] = [
    [{ kind: "port" }, /wrong length \(it is empty, .*; a key or a token is what this server asks for: /],
    [{ kind: "token", token: new TextEncoder().encode("long") }, /wrong length/],
  ];
  for (const [scheme, words] of schemes) {
    const { length } = world.server.lines;
    world.nats[0].forget();
    await reload(world, client!, { ...settings, peers: settings.peers.map((peer) => ({ ...peer, scheme })) });
    await world.pass(120);
    assert.match(world.server.lines.slice(length).join("\n"), words, world.story);
  }
  const told = world.server.lines.filter((line) => /refused .*auth packet/.test(line));
  assert.ok(told.length <= 5, told.join("\n"));
});
