import assert from "node:assert/strict";
import type { Scheme } from "../../lib/auth/scheme.ts";
import { gatherMapping } from "../../lib/doctor/gather_mapping.ts";
import type { MappingFacts } from "../../lib/doctor/mapping.ts";
import type { ReachFacts } from "../../lib/doctor/reach.ts";
import { takeSight } from "../../lib/doctor/sight.ts";
import type { Host } from "../../lib/doctor_ports.ts";
import { makeAnswerPayload } from "../../lib/auth/answer.ts";
import type { RawSocket, RawSocketOptions } from "../../lib/ports.ts";
import { buildUdpPacket, type Endpoint, formatEndpoint, parseUdpPacket } from "../../lib/packet.ts";
import type { Peer, Settings } from "../../lib/settings/settings.ts";
import { ACCEPTED, ed25519 } from "./auth/vectors.ts";
import { VirtualClock } from "./fake/clock.ts";
import type { FakeHost } from "./fake/host.ts";
import { newHost } from "./fake/scene.ts";
import { clientSettings, hubOf, peersOf, schemeOf, World } from "./pair/world.ts";

const ACCEPTED_HERE: ReachFacts = { server: "", expectsReplies: true, reach: { kind: "accepted", after: 1 } };
const secret = "s";
const [CLIENT_KEYS, SERVER_KEYS] = [ACCEPTED[0]!, ACCEPTED[1]!];

/** The ports that are held at a client's host, and those that were. */
class Ports {
  readonly held = new Set<number>();
  readonly ever: number[] = [];
  /** How many attempts fail. */
  taken = 0;

  get host(): Host {
    const hold = ({ port }: Endpoint) => {
      if (this.taken-- > 0) throw new Error("Cannot bind: EADDRINUSE");
      this.held.add(port);
      this.ever.push(port);
      return { [Symbol.dispose]: () => void this.held.delete(port) };
    };
    return { families: () => new Set(["fou"]), holdPort: hold } as Partial<Host> as Host;
  }
}

/** A connected world; its first client, and what the server knows of it, have these fields. */
async function connected(
  ofServer: Partial<Peer> = {},
  ofClient: Scheme = clientSettings(0).peers[0]!.scheme,
): Promise<World> {
  const [first, ...others] = peersOf({ reply: true });
  const world = new World(hubOf([{ ...first!, ...ofServer }, ...others]));
  const settings = clientSettings(0);
  const peers = settings.peers.map((peer) => ({ ...peer, scheme: ofClient }));
  world.clients[0]!.settings = { ...settings, peers };
  await world.begin();
  return world;
}

/** Asks by a client's host, where a tunnel stands if its instance runs. */
async function ask(
  world: World,
  client = 0,
  ports = new Ports(),
  reach = ACCEPTED_HERE,
): Promise<MappingFacts | null> {
  const { host, settings } = world.clients[client]!;
  const doctor = host.start();
  const around = { system: doctor.system, host: ports.host };
  const sight = await takeSight(settings as Settings, around, true);
  const gathering = gatherMapping(sight, around, reach);
  await world.pass(30);
  const facts = await gathering;
  assert.deepEqual([...ports.held], []);
  doctor.kill();
  return facts;
}

/** The payloads of questions that the server has read. */
function questions(world: World): Uint8Array[] {
  return world.seen.map((packet) => parseUdpPacket(packet)!.payload).filter(({ length }) => length === 79);
}

Deno.test("gatherMapping() learns where the server sees three ports, and moves nobody", async () => {
  const forms: Record<string, [Partial<Peer>, Scheme?]> = {
    "without a key of the server's": [{}],
    "signed": [
      {
        scheme: ed25519({
          secret,
          remotePublicKey: CLIENT_KEYS.publicKey,
          privateKey: SERVER_KEYS.privateKey,
        }),
      },
      ed25519({ secret, privateKey: CLIENT_KEYS.privateKey, remotePublicKey: SERVER_KEYS.publicKey }),
    ],
  };
  for (const [name, form] of Object.entries(forms)) {
    const world = await connected(...form);
    const place = world.placeOf(0);
    const ports = new Ports();
    const facts = await ask(world, 0, ports);
    assert.equal(facts?.problem, null, name);
    const { seen } = facts!;
    assert.equal(seen.length, 3, `${name}\n${world.story}`);
    assert.deepEqual(seen.map(({ port }) => port), [world.insideOf(0).port, ...ports.ever]);
    for (const { port, as } of seen) {
      assert.deepEqual(as, world.natOf(0).outside({ ...world.insideOf(0), port }));
    }
    assert.equal(questions(world).length, 3);
    assert.equal(world.placeOf(0), place);
    assert.deepEqual([world.sendData(0), world.sendBack(0)], ["p0", 0], name);
    assert.ok(!world.server.hasLogged(/refused|moved/), world.story);
  }
});

Deno.test("gatherMapping() does not pass for data at the client that runs", async () => {
  const world = await connected();
  for (let time = 0; time < 5; time++) {
    world.sendData(0);
    assert.equal((await ask(world))!.seen.length, 3, world.story);
  }
  assert.ok(world.clients[0]!.hasLogged(/but nothing comes out of the tunnel/), world.story);
});

Deno.test("gatherMapping() asks again if something is lost, and takes a port that nobody has", async () => {
  const world = await connected();
  world.natOf(0).losses = 2;
  const ports = new Ports();
  ports.taken = 3;
  const facts = await ask(world, 0, ports);
  assert.equal(facts!.seen.length, 3, world.story);
  assert.equal(ports.ever.length, 2);
});

Deno.test("gatherMapping() holds the client's own port where no tunnel stands, and lets nobody in", async () => {
  const world = await connected();
  await world.clients[0]!.stop();
  assert.equal(world.placeOf(0), null);
  const ports = new Ports();
  const facts = await ask(world, 0, ports);
  assert.equal(facts!.seen.length, 3);
  assert.equal(ports.ever[0], world.insideOf(0).port);
  assert.equal(world.placeOf(0), null);
});

Deno.test("gatherMapping() asks from no other port where the server does not answer", async () => {
  const silent: Partial<Peer>[] = [{ reply: false }, { replay: "off" }, {
    scheme: ed25519({ secret: "another", remotePublicKey: CLIENT_KEYS.publicKey }),
  }];
  for (const fields of silent) {
    const world = await connected(fields);
    const ports = new Ports();
    const facts = await ask(world, 0, ports);
    assert.deepEqual([facts!.problem, facts!.seen, ports.ever], [null, [], []]);
  }
});

Deno.test("gatherMapping() asks nobody without a key, without rights, or who lets this client not in", async () => {
  const world = await connected();
  const before = world.seen.length;
  const ofToken = await ask(world, 1);
  assert.equal(ofToken!.problem, "a server tells where it sees a client only if that has a key");
  const unasked = async (reach: ReachFacts["reach"]) =>
    (await ask(world, 0, new Ports(), { ...ACCEPTED_HERE, reach }))!.problem;
  assert.equal(await unasked(null), "only root can ask the server");
  const shut: ReachFacts["reach"][] = [
    { kind: "silent", echoes: true, publicKey: null },
    { kind: "unproven" },
    { kind: "refused", from: "192.0.2.1", why: "port unreachable" },
    { kind: "unsent", why: "EPERM", cure: null },
    { kind: "unresolved" },
  ];
  for (const reach of shut) assert.equal(await unasked(reach), "the server does not let this client in");
  assert.ok(world.seen.length > before, "auth packets go on");
  assert.deepEqual(questions(world), []);
  const ports = new Ports();
  ports.taken = 16;
  assert.equal((await ask(world, 0, ports))!.problem, "Cannot bind: EADDRINUSE");
});

Deno.test("gatherMapping() asks the first other server that has another address, if its own answers", async () => {
  const answering = new Map([["192.0.2.7", 5], ["192.0.2.8", 6], ["192.0.2.9", 7]]);
  const asked: string[] = [];
  const clock = new VirtualClock();
  const host = newHost({ latency: null, onSent: (packet) => receive(packet) }, clock);
  const receive = (packet: Uint8Array) => {
    const { source, destination, payload } = parseUdpPacket(packet)!;
    const port = answering.get(destination.ip);
    asked.push(formatEndpoint(destination));
    if (port === undefined) return;
    const seen = { ip: "198.51.100.2", port };
    const random = (length: number) => new Uint8Array(length).fill(asked.length);
    const answer = makeAnswerPayload(schemeOf(0, "server"), payload, seen, 1, random);
    const reply = buildUdpPacket({ source: destination, destination: source, payload: answer }, 64);
    for (const socket of host.replySockets) socket.put(reply);
  };
  const around = { system: host.start().system, host: new Ports().host };
  const gather = async (...fallbacks: string[]) => {
    asked.length = 0;
    const settings: Settings = {
      ...clientSettings(0),
      fallbacks: fallbacks.map((name) => ({ host: name, port: 9 })),
    };
    const [peer] = settings.peers;
    const remote = { host: "192.0.2.7", port: 9 };
    const sight = await takeSight({ ...settings, peers: [{ ...peer!, remote }] }, around, true);
    const gathering = gatherMapping(sight, around, ACCEPTED_HERE);
    await clock.advance(60_000);
    return (await gathering)!.elsewhere;
  };
  assert.equal(await gather(), null);
  assert.equal(asked.length, 3);
  assert.equal(await gather("192.0.2.7"), null);
  assert.deepEqual(await gather("192.0.2.7", "lost.example", "192.0.2.8", "192.0.2.9"), {
    server: { ip: "192.0.2.8", port: 9 },
    as: { ip: "198.51.100.2", port: 6 },
  });
  assert.equal(asked.filter((place) => place === "192.0.2.8:9").length, 1);
  assert.equal(await gather("192.0.2.6", "192.0.2.9"), null);
  assert.ok(!asked.includes("192.0.2.9:9"));
  answering.delete("192.0.2.7");
  assert.equal(await gather("192.0.2.8"), null);
  assert.ok(!asked.includes("192.0.2.8:9"));
});

/** Where the server sees the port of a client that asks it alone. @param answers what comes at each question */
async function seenBy(
  answers: (question: number, answer: Uint8Array) => readonly { payload: Uint8Array; after: number }[],
): Promise<readonly number[]> {
  const clock = new VirtualClock();
  let count = 0;
  const host = newHost({ latency: null, onSent: (packet) => receive(packet) }, clock);
  const receive = (packet: Uint8Array) => {
    const { source, destination, payload: question } = parseUdpPacket(packet)!;
    const seen = { ip: "198.51.100.2", port: ++count };
    const random = (length: number) => new Uint8Array(length).fill(count);
    const answer = makeAnswerPayload(schemeOf(0, "server"), question, seen, 1, random);
    for (const { payload, after } of answers(count, answer)) {
      const reply = buildUdpPacket({ source: destination, destination: source, payload }, 64);
      clock.waitUntil(clock.now() + after).then(() => {
        for (const socket of host.replySockets) socket.put(reply);
      });
    }
  };
  return (await askFrom(host, clock)).facts.seen.map(({ as: { port } }) => port);
}

/** Asks a server alone, from a host without a tunnel. @returns also how many milliseconds that took */
async function askFrom(
  host: FakeHost,
  clock: VirtualClock,
): Promise<{ readonly facts: MappingFacts; readonly took: number }> {
  const { system } = host.start();
  let open = 0;
  const openRawSocket = (way: RawSocketOptions): RawSocket => {
    const socket = system.openRawSocket(way);
    open++;
    return {
      defaultTtl: socket.defaultTtl,
      send: (packet, destination) => socket.send(packet, destination),
      [Symbol.dispose]: () => (open--, socket[Symbol.dispose]()),
    };
  };
  const around = { system: { ...system, openRawSocket }, host: new Ports().host };
  const settings = clientSettings(0);
  const remote = { host: "192.0.2.7", port: 9 };
  const sight = await takeSight({ ...settings, peers: [{ ...settings.peers[0]!, remote }] }, around, true);
  const began = clock.now();
  const gathering = gatherMapping(sight, around, ACCEPTED_HERE).then((facts) => ({
    facts: facts!,
    took: clock.now() - began,
  }));
  await clock.advance(60_000);
  const found = await gathering;
  assert.equal(open, 0);
  assert.equal(host.replySockets.size, 0);
  return found;
}

Deno.test("gatherMapping() takes an answer that comes after it has asked again", async () => {
  assert.deepEqual(await seenBy((_, payload) => [{ payload, after: 1_500 }]), [1, 3, 5]);
});

Deno.test("gatherMapping() reads no more than 64 datagrams that are forged", async () => {
  const flood = (forged: number) =>
    seenBy((_, payload) => [
      ...Array.from({ length: forged }, () => ({ payload: payload.with(70, payload[70]! ^ 1), after: 1 })),
      { payload, after: 2 },
    ]);
  assert.deepEqual(await flood(63), [1, 2, 3]);
  assert.deepEqual(await flood(64), []);
});

Deno.test("gatherMapping() says at once why it can read no answer", async () => {
  const clock = new VirtualClock();
  const fail = () => {
    for (const socket of host.replySockets) socket.fail(new Error("Cannot read: ENETDOWN"));
  };
  const host = newHost({ latency: null, onSent: fail }, clock);
  const { facts, took } = await askFrom(host, clock);
  assert.deepEqual([facts.problem, took], ["Cannot read: ENETDOWN", 0]);
});
