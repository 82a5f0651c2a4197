import assert from "node:assert/strict";
import { makeNewsPayload } from "../../lib/auth/news.ts";
import type { IpipouError } from "../../lib/errors.ts";
import type { Scheme } from "../../lib/auth/scheme.ts";
import { buildUdpPacket } from "../../lib/packet.ts";
import type { Settings } from "../../lib/settings/settings.ts";
import { ACCEPTED, ed25519 } from "./auth/vectors.ts";
import { clientSettings, hubOf, peersOf, PORT, schemeOf, SERVER, World } from "./pair/world.ts";

const ACCEPTED_LINE = /ipipou1: accepted by 192\.0\.2\.1:10000$/;
const NO_REPLY_LINE =
  /Warning: ipipou1: no reply from 192\.0\.2\.1:10000: check whether it runs; whether UDP gets to that port/;

/** A world whose first client and the hub's peer for it have these schemes. Replies are on. */
function worldOf(ofServer: Scheme, ofClient: Scheme, fields: Partial<Settings> = {}): World {
  const [first, ...others] = peersOf();
  const world = new World(hubOf([{ ...first!, scheme: ofServer }, ...others]));
  const settings = clientSettings(0);
  const peers = settings.peers.map((peer) => ({ ...peer, scheme: ofClient, reply: true }));
  world.clients[0]!.settings = { ...settings, ...fields, peers };
  return world;
}

function linesOf(world: World, pattern: RegExp): string[] {
  return world.clients[0]!.lines.filter((line) => pattern.test(line));
}

/** When the client logged the lines that match, in seconds since the first of them. */
function timesOf(world: World, pattern: RegExp): number[] {
  const times = linesOf(world, pattern).map((line) => Number(line.split(" ")[0]));
  return times.map((time) => (time - times[0]!) / 1000);
}

Deno.test("A client learns that it is accepted from each form of reply, and goes on listening", async () => {
  const [{ privateKey, publicKey }, server] = [ACCEPTED[0]!, ACCEPTED[1]!];
  const token: Scheme = { kind: "token", token: new TextEncoder().encode("open sesame, open sesame") };
  const secret = "s";
  const cases: Record<string, [Scheme, Scheme]> = {
    "the token backwards": [token, token],
    "the signed packet backwards": [
      ed25519({ secret, remotePublicKey: publicKey }),
      ed25519({ secret, privateKey }),
    ],
    "the server's signature": [
      ed25519({ secret, remotePublicKey: publicKey, privateKey: server.privateKey }),
      ed25519({ secret, privateKey, remotePublicKey: server.publicKey }),
    ],
  };
  for (const [name, [ofServer, ofClient]] of Object.entries(cases)) {
    const world = worldOf(ofServer, ofClient);
    await world.begin();
    assert.equal(linesOf(world, ACCEPTED_LINE).length, 1, `${name}\n${world.story}`);
    assert.equal(linesOf(world, /ignored/).length, 0, name);
    assert.equal(world.clients[0]!.host.replySockets.size, 1, name);
  }
});

Deno.test("A server sums up the auth packets that it refused, once a minute", async () => {
  const world = worldOf(schemeOf(2, "server"), schemeOf(0, "client"), { keepalive: 5 });
  const stranger = { ip: "203.0.113.9", port: 666 };
  world.server.start();
  await world.pass(1);
  for (let time = 0; time < 5; time++) {
    world.attack(stranger, new Uint8Array(73));
    await world.pass(1);
  }
  await world.pass(300);
  const refused = world.server.lines.filter((line) => /<5>refused/.test(line)).map((line) =>
    line.split(" ")[0]
  );
  assert.equal(refused.length, 2, world.story);
  assert.ok(Math.abs(Number(refused[1]) - Number(refused[0]) - 60_000) < 100, refused.join());
  assert.ok(
    world.server.hasLogged(
      /<5>refused 4 more auth packets in a minute: 4 wrong signature; the last from 203\.0\.113\.9:666$/,
    ),
    world.story,
  );
});

Deno.test("A client says that its tunnel is set up, not that it works, until it is accepted; later it says what was before", async () => {
  const world = worldOf(schemeOf(0, "server"), schemeOf(0, "client"));
  const [client] = world.clients;
  client!.start();
  await world.pass(1);
  assert.equal(linesOf(world, /<5>ipipou1: tunnel to \S+ set up, not yet accepted: 172/).length, 1);
  assert.equal(client!.status, "tunnel to 192.0.2.1:10000 set up, not yet accepted");
  await world.pass(5);
  assert.equal(linesOf(world, NO_REPLY_LINE).length, 1);
  world.server.start();
  await world.pass(60);
  assert.equal(client!.status, "accepted by 192.0.2.1:10000");
  world.server.kill();
  await world.pass(120);
  assert.equal(
    linesOf(world, /Warning: .* no reply from .*: it has replied before; check whether it runs/).length,
    1,
  );
});

Deno.test("A client that expects no reply neither listens nor retries", async () => {
  const world = new World();
  const client = world.clients[1]!;
  client.start();
  await world.pass(20);
  assert.equal(client.host.replySockets.size, 0);
  assert.equal(client.lines.filter((line) => line.endsWith("sent auth packet")).length, 1);
  assert.ok(!client.hasLogged(/accepted|no reply/));
  assert.ok(client.hasLogged(/<5>ipipou1: tunnel to \S+ set up, unconfirmed, as replies are off: 172/));
});

Deno.test("A client logs once that it is accepted, and sends auth packets at the keepalive interval", async () => {
  const world = worldOf(schemeOf(0, "server"), schemeOf(0, "client"), { keepalive: 10 });
  await world.begin();
  await world.pass(300);
  assert.equal(linesOf(world, /<5>ipipou1: accepted by/).length, 1);
  const gaps = timesOf(world, /sent auth packet$/);
  assert.equal(gaps.length, 31);
  assert.ok(gaps.every((time, index) => Math.abs(time - 10 * index) < 0.1), gaps.join(" "));
  assert.equal(linesOf(world, /no reply/).length, 0);
  assert.equal(world.clients[0]!.status, "accepted by 192.0.2.1:10000");
});

Deno.test("A client that is refused logs it once, and retries after longer and longer pauses", async () => {
  const world = worldOf(schemeOf(2, "server"), schemeOf(0, "client"));
  await world.begin();
  await world.pass(120);
  assert.ok(
    world.server.hasLogged(
      /refused auth packet from .*: wrong signature \(neither key nor secret can be told; .*\)$/,
    ),
  );
  assert.equal(linesOf(world, NO_REPLY_LINE).length, 1);
  assert.equal(linesOf(world, ACCEPTED_LINE).length, 0);
  assert.equal(world.clients[0]!.status, "no reply from 192.0.2.1:10000");
  const times = timesOf(world, /sent auth packet$/);
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  for (const [index, pause] of [1, 2, 4, 8].entries()) {
    assert.ok(
      gaps[index]! > 3 + pause * 0.7 && gaps[index]! < 3 + pause * 1.3,
      `${index}: ${gaps.join(" ")}`,
    );
  }
});

Deno.test("A client that started before its server retries until it is accepted, even without a keepalive", async () => {
  const world = worldOf(schemeOf(0, "server"), schemeOf(0, "client"), { keepalive: 0 });
  world.clients[0]!.start();
  await world.pass(30);
  assert.equal(linesOf(world, NO_REPLY_LINE).length, 1);
  world.server.start();
  await world.pass(45);
  assert.equal(linesOf(world, ACCEPTED_LINE).length, 1);
  assert.equal(world.sendData(0), "p0");
});

Deno.test("Forged replies are ignored and change nothing in the kernel", async () => {
  const world = worldOf(schemeOf(1, "server"), schemeOf(1, "client"));
  const client = world.clients[0]!;
  client.start();
  await world.pass(1);
  const [, before] = world.snapshots();
  const { token } = schemeOf(1, "client") as Extract<Scheme, { kind: "token" }>;
  const backwards = token.toReversed();
  const forge = async (ip: string, port: number, payload: Uint8Array) => {
    const destination = { ip: world.insideOf(0).ip, port: PORT };
    client.host.receive(buildUdpPacket({ source: { ip, port }, destination, payload }, 64));
    await world.pass(0);
  };
  await forge("192.0.2.9", PORT, backwards);
  await forge(SERVER.ip, PORT + 1, backwards);
  await forge(SERVER.ip, PORT, backwards.slice(1));
  assert.equal(linesOf(world, /ignored|accepted by/).length, 0, "none of these is looked at");
  await forge(SERVER.ip, PORT, token);
  assert.equal(linesOf(world, /ignored a reply from 192\.0\.2\.1:10000/).length, 1);
  assert.equal(linesOf(world, ACCEPTED_LINE).length, 0);
  await forge(SERVER.ip, PORT, backwards);
  assert.equal(linesOf(world, ACCEPTED_LINE).length, 1, "nobody on the way is kept from this one");
  assert.deepEqual(world.snapshots()[1], before);
});

Deno.test("Forged and repeated news change nothing in the kernel, and cause one auth packet a second at most", async () => {
  const [{ privateKey, publicKey }, keys] = [ACCEPTED[0]!, ACCEPTED[1]!];
  const secret = "s";
  const ofServer = ed25519({ secret, remotePublicKey: publicKey, privateKey: keys.privateKey });
  const world = worldOf(ofServer, ed25519({ secret, privateKey, remotePublicKey: keys.publicKey }));
  await world.begin();
  const client = world.clients[0]!;
  const [, before] = world.snapshots();
  const send = async (payload: Uint8Array) => {
    const destination = { ip: world.insideOf(0).ip, port: PORT };
    client.host.receive(buildUdpPacket({ source: SERVER, destination, payload }, 64));
    await world.pass(0);
  };
  const { random } = world.server.host;
  const news = (scheme: Scheme, kind: "stops" | "starts") =>
    makeNewsPayload(scheme, kind, world.clock.unixTime(), (length) => random.bytes(length));
  const auth = () => linesOf(world, /sent auth packet$/).length;
  const { length } = client.lines;
  const sent = auth();
  await send(news(ed25519({ secret, remotePublicKey: publicKey }), "stops"));
  await send(news({ kind: "port" }, "starts"));
  await send(news(ofServer, "starts").with(20, 0));
  assert.equal(auth(), sent);
  assert.ok(!client.lines.slice(length).some((line) => line.includes("the server")));
  const recorded = news(ofServer, "starts");
  for (let times = 0; times < 10; times++) await send(recorded);
  await world.pass(5);
  assert.equal(auth(), sent + 1, "each news counts once");
  assert.equal(linesOf(world, /the server has started/).length, 1);
  const beginning = auth();
  for (let turn = 0; turn < 100; turn++) {
    await send(news(ofServer, turn % 2 ? "starts" : "stops"));
    await world.clock.advance(100);
  }
  assert.ok(auth() - beginning <= 11, String(auth() - beginning));
  await world.pass(30);
  assert.equal(client.status, "accepted by 192.0.2.1:10000");
  assert.deepEqual(world.snapshots()[1], before);
});

Deno.test("A client closes its ears while data comes, and hears of its server's restart all the same", async () => {
  const world = worldOf(schemeOf(0, "server"), schemeOf(0, "client"), { keepalive: 3_600 });
  await world.begin();
  const client = world.clients[0]!;
  const socketOf = () => [...client.host.replySockets][0]!;
  const flow = async (packets: number) => {
    for (let sent = 0; sent < packets; sent++) assert.equal(world.sendBack(0), 0);
    await world.pass(0);
  };
  await flow(60);
  assert.equal(socketOf().isPaused, false, "so little data costs nothing");
  await flow(64);
  assert.equal(socketOf().isPaused, true);
  await world.pass(1);
  assert.equal(socketOf().isPaused, false);
  await flow(64);
  assert.equal(socketOf().isPaused, true);
  client.authenticate();
  await world.pass(0);
  assert.equal(socketOf().isPaused, false, "a reply is due");
  await world.pass(2);
  await flow(64);
  await world.server.stop();
  world.server.start();
  await world.pass(2);
  assert.equal(linesOf(world, /the server has started/).length, 1, world.story);
  assert.equal(world.sendData(0), "p0");
});

Deno.test("A flood of what looks like news is not read beyond 16 datagrams for each auth packet", async () => {
  const world = worldOf(schemeOf(0, "server"), schemeOf(0, "client"), { keepalive: 60 });
  await world.begin();
  const client = world.clients[0]!;
  const destination = { ip: world.insideOf(0).ip, port: PORT };
  for (let times = 0; times < 30; times++) {
    const payload = new Uint8Array(79).fill(times);
    client.host.receive(buildUdpPacket({ source: SERVER, destination, payload }, 64));
    await world.pass(0);
  }
  assert.equal(client.host.replySockets.size, 0);
  await world.pass(60);
  assert.equal(client.host.replySockets.size, 1, "the next auth packet has its reply");
  assert.equal(client.status, "accepted by 192.0.2.1:10000");
});

Deno.test("--reauth-only waits for the reply where one is expected, and ends with 120 without", async () => {
  const world = new World();
  await world.begin();
  const [client] = world.clients;
  const again = { ...clientSettings(0), reauthOnly: true };
  client!.kill();
  client!.settings = again;
  client!.start();
  await world.pass(1);
  assert.deepEqual([client!.end], ["stopped"], world.story);
  assert.ok(client!.hasLogged(/<5>accepted by 192\.0\.2\.1:10000$/));
  world.server.kill();
  client!.start();
  await world.pass(2);
  assert.ok(client!.isRunning);
  await world.pass(2);
  assert.equal((client!.end as IpipouError).exitCode, 120);
  assert.match(String(client!.end), /No reply from 192\.0\.2\.1:10000: check whether it runs/);
  assert.equal(world.sendData(0), "p0", "the tunnel is as it was");
});
