import assert from "node:assert/strict";
import fc from "fast-check";
import type { Scheme } from "../../lib/auth/scheme.ts";
import { buildUdpPacket, formatEndpoint } from "../../lib/packet.ts";
import type { Peer } from "../../lib/settings/settings.ts";
import { ACCEPTED, ed25519 } from "./auth/vectors.ts";
import { ClientHost, innerPacket, KEEPALIVE, Nat, ServerHost } from "./pair.ts";
import { samplePeer, sampleSettings } from "./samples.ts";

const NOW = 1_795_219_200_000;
const STRANGER = { ip: "203.0.113.66", port: 40_000 };
const SERVER = { ip: "192.0.2.1", port: 10_000 };
const MAX_TIME_DISCREPANCY = 10;

const TOKEN: Scheme = { kind: "token", token: new TextEncoder().encode("a token of 24 characters") };

function keyed(index: number, side: "client" | "server"): Scheme {
  const { privateKey, publicKey } = ACCEPTED[index]!;
  return ed25519({ secret: "s", ...(side === "client" ? { privateKey } : { remotePublicKey: publicKey }) });
}

/** Three clients: two behind one NAT, one behind another. */
class World {
  now = NOW;
  readonly nats = [new Nat("198.51.100.2", "198.51.100.3"), new Nat("198.51.100.4", "198.51.100.5")];
  readonly clients: ClientHost[];
  readonly server: ServerHost;
  /** Auth packets as the server got them, and when. */
  readonly seen: { readonly packet: Uint8Array; readonly at: number }[] = [];

  readonly #isForEver: boolean;

  constructor(fields: Partial<Peer> = {}) {
    this.#isForEver = (fields.lifetime ?? 0) === 0;
    const schemes = [keyed(0, "server"), TOKEN, keyed(1, "server")];
    const peers = schemes.map((scheme, index) =>
      samplePeer({
        name: `p${index}`,
        tunnel: { device: `p${index}`, ip: `172.28.0.${2 * index}`, peerIp: `172.28.0.${2 * index + 1}` },
        altIp: `172.29.0.${index}`,
        scheme,
        maxTimeDiscrepancy: MAX_TIME_DISCREPANCY,
        ...fields,
      })
    );
    this.server = new ServerHost(sampleSettings({ peers }), NOW);
    const inside = (last: number) => ({ ip: `10.0.0.${last}`, port: 10_000 });
    this.clients = [
      new ClientHost(keyed(0, "client"), this.nats[0]!, inside(2), NOW),
      new ClientHost(TOKEN, this.nats[0]!, inside(3), NOW + 3_000),
      new ClientHost(keyed(1, "client"), this.nats[1]!, inside(2), NOW + 7_000),
    ];
  }

  /** Lets time pass, and clients send what is due. */
  pass(seconds: number): void {
    const end = this.now + seconds * 1000;
    while (true) {
      const [next] = this.clients.toSorted((a, b) => a.client.nextSend! - b.client.nextSend!);
      if (next!.client.nextSend! > end) break;
      this.now = Math.max(this.now, next!.client.nextSend!);
      this.#authenticate(next!);
    }
    this.now = end;
  }

  /** What becomes of a client's data. */
  sendData(index: number, length = 100): string {
    const { nat } = this.clients[index]!;
    const packet = nat.forward(this.clients[index]!.dataPacket(length));
    return packet === null ? "lost" : this.server.receive(packet, this.now);
  }

  /** Data goes both ways between each client and its own tunnel device. */
  assertAllConnected(): void {
    for (const [index, { inside, nat }] of this.clients.entries()) {
      assert.equal(this.sendData(index), `p${index}`);
      const destination = this.server.destinationOf(`p${index}`);
      assert.equal(destination && nat.behind(destination), `${inside.ip}:${inside.port}`);
    }
  }

  /** Nobody else is let in, and what the server sends to one leads nowhere that another has proved to be. */
  assertNoStrangerGotIn(): void {
    const given = new Set(this.nats.flatMap((nat) => [...nat.given]));
    for (const remote of this.server.remotes) assert.ok(given.has(remote), `${remote} was let in`);
    const destinations = this.clients.flatMap((_, index) => this.server.destinationOf(`p${index}`) ?? []);
    assert.equal(new Set(destinations.map(formatEndpoint)).size, destinations.length);
  }

  #authenticate(host: ClientHost): void {
    const packet = host.nat.forward(host.authPacket(this.now));
    host.client.handleSent(this.now);
    if (packet === null) return;
    this.seen.push({ packet, at: this.now });
    assert.equal(this.server.receive(packet, this.now), "admitted");
    const { runs, replacesRules, putsOut, isRenewal } = this.server.lastAdmission;
    assert.ok(runs <= (replacesRules || putsOut ? 3 : 2), `${runs} runs`);
    if (isRenewal && this.#isForEver) assert.equal(runs, 0);
  }
}

type Event = (world: World) => void;

/** A stranger's packet: it gets nowhere and makes the server do nothing. */
function attack(world: World, port: number, payload: Uint8Array): void {
  const before = world.server.kernel.count;
  const source = { ...STRANGER, port };
  const fate = world.server.receive(buildUdpPacket({ source, destination: SERVER, payload }, 64), world.now);
  assert.ok(fate === "dropped" || fate === "refused", fate);
  assert.equal(world.server.kernel.count, before);
}

/** Sends an auth packet again from elsewhere: with a bit changed, or as it was but too late. */
function replay(world: World, index: number, bit: number | null): void {
  const isUsable = ({ packet, at }: World["seen"][number]) =>
    bit !== null || (packet.length === 28 + 73 && world.now - at > 1000 * (MAX_TIME_DISCREPANCY + 1));
  const usable = world.seen.filter(isUsable);
  if (usable.length === 0) return;
  const payload = usable[index % usable.length]!.packet.slice(28);
  if (bit !== null) payload[(bit >> 3) % payload.length]! ^= 1 << (bit & 7);
  attack(world, STRANGER.port, payload);
}

const nat = fc.nat(1);
const client = fc.nat(2);
/** Of auth packets' lengths too: data is told from them by what it is. */
const length = fc.constantFrom(20, 24, 73, 100, 1472);
const port = fc.integer({ min: 39_999, max: 40_004 });

const eventArbitrary: fc.Arbitrary<Event> = fc.oneof(
  fc.integer({ min: 1, max: 60 }).map((seconds): Event => (world) => world.pass(seconds)),
  nat.map((index): Event => (world) => world.nats[index]!.forget()),
  nat.map((index): Event => (world) => world.nats[index]!.renumber()),
  fc.tuple(nat, fc.nat(5)).map(([index, count]): Event => (world) => world.nats[index]!.losses = count),
  fc.tuple(client, length).map(([index, length]): Event => (world) => world.sendData(index, length)),
  client.map((index): Event => (world) => {
    world.clients[index]!.client.handleRequest(world.now);
    world.pass(0);
  }),
  fc.tuple(port, length).map(([port, length]): Event => (world) => attack(world, port, innerPacket(length))),
  fc.tuple(port, fc.oneof(...[24, 73, 80].map((size) => fc.uint8Array({ minLength: size, maxLength: size }))))
    .map((
      [port, payload],
    ): Event =>
    (world) => attack(world, port, payload)),
  fc.tuple(fc.nat(99), fc.option(fc.nat(8 * 73 - 1))).map(([index, bit]): Event => (world) =>
    replay(world, index, bit)
  ),
);

Deno.test("A pair connects when the first auth packets pass", () => {
  const world = new World();
  assert.equal(world.sendData(0), "dropped");
  world.pass(10);
  world.assertAllConnected();
});

Deno.test("A pair tells data from auth packets of the same length", () => {
  const world = new World();
  world.pass(10);
  for (const length of [24, 73]) assert.equal(world.sendData(0, length), "p0");
});

Deno.test("A pair is cut off by a NAT that gives another port, and back within a keepalive", () => {
  const world = new World();
  world.pass(10);
  for (const nat of world.nats) nat.forget();
  for (const index of [0, 1, 2]) assert.notEqual(world.sendData(index), `p${index}`);
  world.pass(KEEPALIVE);
  world.assertAllConnected();
});

Deno.test("A pair is back at once when the client is asked to authenticate", () => {
  const world = new World();
  world.pass(10);
  world.nats[1]!.renumber();
  world.clients[2]!.client.handleRequest(world.now);
  world.pass(0);
  world.assertAllConnected();
});

Deno.test("A pair renews a lifetime with one run of nft, and moves with two runs", () => {
  const world = new World({ lifetime: 60 });
  world.pass(10);
  const { client, nat } = world.clients[2]!;
  const authenticate = () => {
    client.handleRequest(world.now);
    world.pass(0);
    return world.server.lastAdmission.runs;
  };
  assert.equal(authenticate(), 1);
  nat.forget();
  assert.equal(authenticate(), 2);
});

Deno.test("Pairs follow any remaps and losses within a keepalive, and strangers never get in", () => {
  fc.assert(
    fc.property(fc.array(eventArbitrary, { maxLength: 40, size: "max" }), (events) => {
      const world = new World();
      for (const event of events) {
        event(world);
        world.assertNoStrangerGotIn();
      }
      for (const nat of world.nats) nat.losses = 0;
      world.pass(KEEPALIVE);
      world.assertAllConnected();
      world.assertNoStrangerGotIn();
      assert.equal(world.server.remotes.length, world.clients.length);
      world.server.remove(world.now);
      const { devices, listeners, tables } = world.server.kernel;
      assert.deepEqual([[...devices.keys()], listeners.size], [["eth0"], 0]);
      assert.equal(devices.get("eth0")?.addresses.length, 1);
      const { chains, sets } = tables.get("ipipou")!;
      assert.equal(chains.size + sets.size, 0);
    }),
    { numRuns: 150 },
  );
});
