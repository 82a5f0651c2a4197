import assert from "node:assert/strict";
import type { Scheme } from "../../lib/auth/scheme.ts";
import { gatherMapping } from "../../lib/doctor/gather_mapping.ts";
import type { MappingFacts } from "../../lib/doctor/mapping.ts";
import type { ReachFacts } from "../../lib/doctor/reach.ts";
import { takeSight } from "../../lib/doctor/sight.ts";
import type { Host } from "../../lib/doctor_ports.ts";
import { type Endpoint, parseUdpPacket } from "../../lib/packet.ts";
import type { Peer, Settings } from "../../lib/settings/settings.ts";
import { ACCEPTED, ed25519 } from "./auth/vectors.ts";
import { clientSettings, hubOf, peersOf, World } from "./pair/world.ts";

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
  const sight = await takeSight(settings as Settings, around);
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
  assert.equal(await unasked({ kind: "silent", echoes: true }), "the server does not let this client in");
  assert.ok(world.seen.length > before, "auth packets go on");
  assert.deepEqual(questions(world), []);
  const ports = new Ports();
  ports.taken = Infinity;
  assert.equal((await ask(world, 0, ports))!.problem, "Cannot bind: EADDRINUSE");
});
