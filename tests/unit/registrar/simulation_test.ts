import assert from "node:assert/strict";
import fc from "fast-check";
import { Registrar } from "../../../lib/registrar.ts";
import type { Outcome } from "../../../lib/registrar/outcome.ts";
import { type Datagram, type Endpoint, formatEndpoint } from "../../../lib/packet.ts";
import { samplePeer } from "../samples.ts";
import { Fleet, place, told } from "./fleet.ts";
import { noReplays, NOW, SERVER, UNIX } from "./small_registrar.ts";

/** Kinds of clients by number; the rest have tokens. */
const KEYS = 30;
const CLIENTS = 40;
const PORTS = [SERVER.port, 10_001];
/** Three NATs with few ports, so that clients soon get a port that another client had. */
const PLACES = Array.from({ length: CLIENTS + 5 }, (_, index) => {
  return { ip: `198.51.100.${index % 3 + 1}`, port: 40_000 + Math.floor(index / 3) };
});

const keyed = new Fleet(KEYS);
const peers = Array.from({ length: CLIENTS }, (_, index) => {
  const token = new TextEncoder().encode(`token ${index}`);
  return keyed.settings.peers[index] ?? samplePeer({ name: `c${index}`, scheme: { kind: "token", token } });
});
const settings = { ...keyed.settings, peers };

/** Clients behind NATs that share addresses; every third with a key is of version 0.1. */
class World {
  readonly registrar = new Registrar(settings, new Map(), noReplays());
  /** Index of each client's place. */
  readonly places: number[] = Array.from({ length: CLIENTS }, (_, index) => index);
  readonly ports: number[] = Array.from({ length: CLIENTS }, () => SERVER.port);
  now = NOW;
  #sent = 0;
  /** Packets in flight. */
  readonly #flying: { readonly client: number; readonly datagram: Datagram }[] = [];
  /** For each packet, how many had arrived by then. */
  readonly #came = new Map<Datagram, number>();
  /** The last packet that admitted each peer, and the last packet that admitted a peer at each place. */
  readonly #latest = { peers: new Map<string, Datagram>(), places: new Map<string, Datagram>() };

  /** Moves a client to a place. The client that was there gets the place that becomes free. */
  move(client: number, to: number): void {
    const other = this.places.indexOf(to);
    if (other !== -1) this.places[other] = this.places[client]!;
    this.places[client] = to;
  }

  send(client: number): void {
    const source = PLACES[this.places[client]!]!;
    const port = this.ports[client]!;
    const clock = UNIX + Math.floor((this.now - NOW) / 1000);
    const datagram = client < KEYS
      ? keyed.packet(client, source, { isOld: client % 3 === 0, clock, port })
      : {
        source,
        destination: { ip: SERVER.ip, port },
        payload: new TextEncoder().encode(`token ${client}`),
      };
    this.#flying.push({ client, datagram });
  }

  /** Delivers one of the packets in flight. */
  deliver(which: number): void {
    const [flying] = this.#flying.splice(which % Math.max(1, this.#flying.length), 1);
    if (flying === undefined) return;
    this.#came.set(flying.datagram, this.#sent++);
    this.#note(this.registrar.handle(flying.datagram, this.now, this.#unix));
    for (const outcome of this.registrar.ended()) this.#note(outcome);
  }

  junk(source: Endpoint): void {
    const before = new Map(this.registrar.admissions);
    assert.notEqual(this.registrar.handle(keyed.junk(source), this.now, this.#unix).kind, "admitted");
    assert.deepEqual(this.registrar.admissions, before);
  }

  search(): void {
    for (const outcome of this.registrar.search(this.now)) this.#note(outcome);
    for (const outcome of this.registrar.ended()) this.#note(outcome);
  }

  /** Time passes. */
  pass(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let due = this.registrar.due; due !== null && due <= end; due = this.registrar.due) {
      this.now = Math.max(this.now, due);
      for (const outcome of this.registrar.settle(this.now)) this.#note(outcome);
    }
    this.now = end;
  }

  settle(): void {
    while (this.#flying.length > 0) this.deliver(0);
    while (this.registrar.isSearching) this.search();
  }

  /** No peer is at a place that it did not prove, or that a later packet of its own or of another peer disproved. */
  check(): void {
    const taken = new Set<string>();
    for (const [name, { remote, port }] of this.registrar.admissions) {
      if (remote === null) continue;
      const key = placeKey(remote, port);
      assert.ok(!taken.has(key), `two at ${key}`);
      taken.add(key);
      const latest = this.#latest.peers.get(name)!;
      assert.equal(placeKey(latest.source, latest.destination.port), key);
      assert.equal(this.#latest.places.get(key), latest);
    }
  }

  get #unix(): number {
    return UNIX + Math.floor((this.now - NOW) / 1000);
  }

  #note(outcome: Outcome): void {
    if (outcome.kind !== "admitted") return;
    const { datagram, peer } = outcome;
    const key = placeKey(datagram.source, datagram.destination.port);
    for (const earlier of [this.#latest.peers.get(peer.name), this.#latest.places.get(key)]) {
      if (earlier !== undefined) assert.ok(this.#came.get(earlier)! <= this.#came.get(datagram)!);
    }
    this.#latest.peers.set(peer.name, datagram);
    this.#latest.places.set(key, datagram);
  }
}

function placeKey(remote: Endpoint, port: number): string {
  return `${formatEndpoint(remote)} ${port}`;
}

type Event = (world: World) => void;

const client = fc.nat(CLIENTS - 1);
const somewhere = fc.nat(PLACES.length - 1);
const eventArbitrary: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: client.map((client): Event => (world) => world.send(client)) },
  { weight: 4, arbitrary: fc.nat(9).map((which): Event => (world) => world.deliver(which)) },
  {
    weight: 2,
    arbitrary: fc.tuple(client, somewhere).map(([client, to]): Event => (world) => {
      world.move(client, to);
      world.send(client);
    }),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(client, client).map(([a, b]): Event => (world) => {
      world.move(a, world.places[b]!);
      world.send(a);
      world.send(b);
    }),
  },
  fc.tuple(client, fc.nat(1)).map(([client, port]): Event => (world) => {
    world.ports[client] = PORTS[port]!;
  }),
  somewhere.map((where): Event => (world) => world.junk(PLACES[where]!)),
  fc.nat(99).map((where): Event => (world) => world.junk(place(where))),
  fc.constant((world: World) => world.search()),
  fc.integer({ min: 1, max: 400_000 }).map((milliseconds): Event => (world) => world.pass(milliseconds)),
);

Deno.test("handle() and search() end with each client at its place, however they swap places and in any order of packets", () => {
  fc.assert(
    fc.property(fc.array(eventArbitrary, { maxLength: 200, size: "max" }), (events) => {
      const world = new World();
      for (const event of events) {
        event(world);
        world.check();
      }
      world.settle();
      world.check();
      for (let client = 0; client < CLIENTS; client++) {
        world.send(client);
        world.settle();
      }
      world.check();
      for (let client = 0; client < CLIENTS; client++) {
        const remote = PLACES[world.places[client]!]!;
        const admission = { remote, port: world.ports[client]!, expiresAt: null };
        assert.deepEqual(world.registrar.admissions.get(`c${client}`), admission);
      }
    }),
    { numRuns: 40 },
  );
});

Deno.test("handle() and search() admit all clients during a flood of junk, including those of version 0.1", () => {
  const fleet = new Fleet(100);
  const registrar = fleet.registrar();
  const isOld = (client: number) => client % 5 === 0;
  const firstIn = new Map<string, number>();
  const note = (outcome: Outcome, at: number) => {
    if (outcome.kind === "admitted" && !firstIn.has(outcome.peer.name)) firstIn.set(outcome.peer.name, at);
  };
  let junk = 0;
  for (let time = -500; time < 2_000 && firstIn.size < 100; time += 2) {
    const now = NOW + time;
    if (time % 4 === 0) note(registrar.handle(fleet.junk(place(1000 + junk++)), now, UNIX), time); // 250 a second
    if (time >= 0 && time < 200) {
      const client = time / 2;
      note(registrar.handle(fleet.packet(client, place(client), { isOld: isOld(client) }), now, UNIX), time);
    }
    for (const outcome of registrar.search(now)) note(outcome, time);
  }
  assert.equal(firstIn.size, 100, [...firstIn.keys()].map(String).join(" "));
  for (let client = 0; client < 100; client++) {
    if (!isOld(client)) assert.equal(firstIn.get(`c${client}`), 2 * client, `c${client} at once`);
  }
  for (let client = 0; client < 100; client++) {
    assert.equal(told(registrar.handle(fleet.packet(client, place(client)), NOW, UNIX)), `c${client}`);
  }
});
