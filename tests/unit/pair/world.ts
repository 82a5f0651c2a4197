import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { makeAuthPayload, makeGoodbyePayload, type Scheme } from "../../../lib/auth/scheme.ts";
import { buildUdpPacket, type Endpoint, formatEndpoint, parseUdpPacket } from "../../../lib/packet.ts";
import { BID_MILLISECONDS } from "../../../lib/registrar/roll.ts";
import type { Peer, Settings } from "../../../lib/settings/settings.ts";
import { ACCEPTED, ed25519 } from "../auth/vectors.ts";
import { Admin } from "../fake/admin.ts";
import { VirtualClock } from "../fake/clock.ts";
import type { Fate } from "../fake/data_path.ts";
import { IpPacket } from "../fake/ip_packet.ts";
import { snapshot } from "../fake/snapshot.ts";
import { samplePeer, sampleSettings } from "../samples.ts";
import { Nat } from "./nat.ts";
import { Node } from "./node.ts";

/** Addresses that no other host has, as the server sees them: its own is 192.0.2.1/24. */
export const IMPOSSIBLE = [
  ...["0.0.0.0", "0.0.0.7", "0.255.255.255", "127.0.0.1", "127.9.9.9"],
  ...["224.0.0.1", "239.255.255.255", "255.255.255.255", "192.0.2.255", "192.0.2.1"],
];

/** Seconds between a client's auth packets. */
export const KEEPALIVE = 25;
/** Seconds within which every retry happens: the longest pause between retries, and a quarter more. */
const PATIENCE = 40;

export const PORT = 10_000;
export const SERVER: Endpoint = { ip: "192.0.2.1", port: PORT };
export const SERVER_NAME = "server.example";
const TTL = 64;

/** The token of the second client. */
const TOKEN: Scheme = { kind: "token", token: new TextEncoder().encode("a token of 24 characters") };
/** What each client proves: a key, by its index in ACCEPTED, or TOKEN if null. */
const SCHEMES = [0, null, 1] as const;

export function schemeOf(client: number, side: "client" | "server"): Scheme {
  const index = SCHEMES[client]!;
  if (index === null) return TOKEN;
  const { privateKey, publicKey } = ACCEPTED[index]!;
  return ed25519({ secret: "s", ...(side === "client" ? { privateKey } : { remotePublicKey: publicKey }) });
}

/** The hub's peers, one per client. */
export function peersOf(fields: Partial<Peer> = {}): Peer[] {
  return SCHEMES.map((_, client) =>
    samplePeer({
      name: `p${client}`,
      tunnel: { device: `p${client}`, ip: `172.28.0.${2 * client}`, peerIp: `172.28.0.${2 * client + 1}` },
      altIp: client === 0 ? "172.29.0.0" : null,
      scheme: schemeOf(client, "server"),
      reply: client === 0,
      lifetime: client === 2 ? 60 : 0,
      ...fields,
    })
  );
}

export function hubOf(peers: readonly Peer[], fields: Partial<Settings> = {}): Settings {
  return sampleSettings({
    name: "hub",
    isOfMany: true,
    local: { ip: null, device: "eth0", ports: [PORT, PORT + 1] },
    peers: [...peers],
    ...fields,
  });
}

/** Settings of a client of the hub. */
export function clientSettings(client: number): Settings {
  const peer = samplePeer({
    name: "ipipou1",
    tunnel: { device: "ipipou1", ip: `172.28.0.${2 * client + 1}`, peerIp: `172.28.0.${2 * client}` },
    remote: { host: SERVER_NAME, port: PORT },
    scheme: schemeOf(client, "client"),
    reply: client === 0,
  });
  const local = { ip: null, device: "eth0", ports: [PORT] as const };
  return sampleSettings({ mode: "client", local, keepalive: KEEPALIVE, peers: [peer] });
}

/** A hub and three clients, two behind one NAT and one behind another. Each host runs the real program. */
export class World {
  readonly clock = new VirtualClock();
  readonly nats = [new Nat("198.51.100.2", "198.51.100.3"), new Nat("198.51.100.4", "198.51.100.5")] as const;
  readonly server: Node;
  readonly clients: readonly Node[];
  /** Auth packets as they arrived at the server. */
  readonly seen: Uint8Array[] = [];
  /** Milliseconds that the next packet from a client takes. */
  lag: () => number = () => 0;
  /** What became of the last packet that arrived at the server. */
  #fate: Fate | null = null;
  /** What became of the last packet that arrived at a client, and which client that was. */
  #delivery: { readonly client: number; readonly fate: Fate } | null = null;

  /** @param kernel properties of the server's kernel */
  constructor(
    hub: Settings = hubOf(peersOf()),
    kernel: { readonly canClamp?: boolean; readonly canHint?: boolean } = {},
  ) {
    const latency = { run: 3, command: 1 };
    const options = { address: `${SERVER.ip}/24`, gateway: "192.0.2.254", latency };
    const onReply = (packet: Uint8Array) => this.#toClient(packet);
    this.server = new Node(this.clock, { ...options, ...kernel, onSent: onReply }, hub);
    this.clients = SCHEMES.map((_, client) => {
      const onSent = (packet: Uint8Array) => {
        const lag = this.lag();
        if (lag === 0) this.#toServer(client, packet);
        else this.clock.waitUntil(this.clock.now() + lag).then(() => this.#toServer(client, packet));
      };
      const address = `${this.insideOf(client).ip}/24`;
      const node = new Node(
        this.clock,
        { address, gateway: "10.0.0.254", latency, onSent, seed: client },
        clientSettings(client),
      );
      node.host.resolver.addresses.set(SERVER_NAME, SERVER.ip);
      return node;
    });
  }

  /** All hosts that run the program: the server, then the clients. */
  get nodes(): readonly Node[] {
    return [this.server, ...this.clients];
  }

  natOf(client: number): Nat {
    return this.nats[client === 2 ? 1 : 0];
  }

  insideOf(client: number): Endpoint {
    return { ip: `10.0.0.${client + 2}`, port: PORT };
  }

  /** Starts all nodes and lets them connect. */
  async begin(): Promise<void> {
    this.server.start();
    await this.clock.advance(1_000);
    for (const client of this.clients) client.start();
    await this.clock.advance(5_000);
  }

  /** Starts the server and two clients with the same key, the second of them later. @returns the second */
  async beginTwins(): Promise<Node> {
    const { server, clients: [first, , twin] } = this;
    twin!.settings = first!.settings;
    server.start();
    await this.pass(1);
    first!.start();
    await this.pass(12);
    twin!.start();
    return twin!;
  }

  async pass(seconds: number): Promise<void> {
    await this.clock.advance(seconds * 1000);
  }

  /** Sends an inner packet from a client. @returns the device by which it arrives at the server; null if it does not */
  sendData(client: number, length = 100): string | null {
    const { tunnel } = peersOf()[client]!;
    this.#fate = null;
    const sending = this.clients[client]!.host.send(
      "ipipou1",
      packetBetween(tunnel.peerIp, tunnel.ip, length),
    );
    const fate = this.#fate as Fate | null;
    if (sending.kind === "dropped" || fate === null) return null;
    return fate.kind === "device" ? fate.name : null;
  }

  /** Sends an inner packet from the server to a client. @returns the client at which it arrives; null if at none */
  sendBack(client: number): number | null {
    const { device, ip, peerIp } = peersOf()[client]!.tunnel;
    this.#delivery = null;
    const sending = this.server.host.send(device, packetBetween(ip, peerIp, 100));
    const delivery = this.#delivery as { client: number; fate: Fate } | null;
    if (sending.kind === "dropped" || delivery === null) return null;
    return delivery.fate.kind === "device" ? delivery.client : null;
  }

  /** The place to which the server sends a client's data; null if it is not sent. */
  placeOf(client: number): string | null {
    const { device, ip, peerIp } = peersOf()[client]!.tunnel;
    const sending = this.server.host.path.send(device, packetBetween(ip, peerIp, 100));
    const datagram = sending.kind === "sent" ? parseUdpPacket(sending.packet) : null;
    return datagram === null ? null : `${formatEndpoint(datagram.destination)} ${datagram.source.port}`;
  }

  /** A valid auth packet of a client's, from another address. */
  forge(client: number, ip: string, port = 40_000): Uint8Array {
    return this.#makePacket(makeAuthPayload(schemeOf(client, "client"), ...this.#grains), ip, port);
  }

  /** A client's good-bye, from another address; null: its scheme has none. */
  forgeGoodbye(client: number, ip: string, port = 40_000): Uint8Array | null {
    const payload = makeGoodbyePayload(schemeOf(client, "client"), ...this.#grains);
    return payload === null ? null : this.#makePacket(payload, ip, port);
  }

  /** What makes each payload another one. */
  get #grains() {
    const { random } = this.server.host;
    return [this.clock.unixTime(), (length: number) => random.bytes(length)] as const;
  }

  #makePacket(payload: Uint8Array, ip: string, port: number): Uint8Array {
    return buildUdpPacket({ source: { ip, port }, destination: SERVER, payload }, TTL);
  }

  /** Sends the server a datagram from a stranger. @returns what becomes of it */
  attack(source: Endpoint, payload: Uint8Array): Fate {
    return this.server.host.receive(buildUdpPacket({ source, destination: SERVER, payload }, TTL));
  }

  /** Names of the peers whose settings on the server match their clients' proof. */
  get wanted(): ReadonlySet<string> {
    const { settings } = this.server;
    if (settings instanceof Error) return new Set();
    const names = [...this.clients.keys()].flatMap((client) => {
      const peer = settings.peers.find(({ name }) => name === `p${client}`);
      return peer !== undefined && isDeepStrictEqual(peer.scheme, schemeOf(client, "server"))
        ? [peer.name]
        : [];
    });
    return new Set(names);
  }

  /**
   * Checks that data passes both ways for each client that the server has as a peer, and for no other client.
   *
   * @param but clients for which either is fine
   */
  assertConnected(but: ReadonlySet<number> = new Set()): void {
    for (const client of this.clients.keys()) {
      if (but.has(client)) continue;
      const name = `p${client}`;
      const isWanted = this.wanted.has(name);
      assert.equal(this.sendData(client), isWanted ? name : null, `data of client ${client}`);
      assert.equal(this.sendBack(client), isWanted ? client : null, `data to client ${client}`);
    }
  }

  /** Checks that no two tunnels lead to the same place. */
  assertPlacesDiffer(): void {
    const places = [...this.clients.keys()].flatMap((client) => this.placeOf(client) ?? []);
    assert.equal(new Set(places).size, places.length, places.join(", "));
  }

  /** Everything in each node's kernel, for comparisons. */
  snapshots(): string[][] {
    return this.nodes.map(({ host }) => snapshot(host.kernel));
  }

  /** The end of each log, for the report of a failure. */
  get story(): string {
    return this.nodes.map(({ lines }, index) => [`== node ${index}`, ...lines.slice(-60)].join("\n")).join(
      "\n",
    );
  }

  /** Waits until all nodes have settled: every retry gets its time, and each client authenticates at the end. */
  async settle(reloads = false): Promise<void> {
    for (const node of this.nodes) {
      node.host.programs.clearFaults();
      node.host.programs.killAll();
    }
    // A service manager restarts what failed to start.
    for (let second = 0; second < 5; second++) {
      for (const node of this.nodes) node.start();
      await this.pass(1);
    }
    await this.pass(PATIENCE);
    if (reloads) {
      for (const node of this.nodes) node.reload();
      await this.pass(PATIENCE);
    }
    for (const client of this.clients) client.authenticate();
    // A place of a peer that comes no more is another's only then.
    await this.clock.advance(BID_MILLISECONDS);
    await this.pass(5);
  }

  admin(node: Node): Admin {
    return new Admin(node.host.kernel);
  }

  #toServer(client: number, packet: Uint8Array): void {
    const forwarded = this.natOf(client).forward(packet);
    if (forwarded === null) return;
    this.#fate = this.server.host.receive(forwarded);
    if (this.#fate.kind === "queue") this.seen.push(forwarded);
  }

  #toClient(packet: Uint8Array): void {
    const { destination } = parseUdpPacket(packet)!;
    const nat = this.nats.find(({ address }) => address === destination.ip);
    const forwarded = nat?.backward(packet) ?? null;
    if (forwarded === null) return;
    const { ip } = parseUdpPacket(forwarded)!.destination;
    const client = this.clients.findIndex((_, index) => this.insideOf(index).ip === ip);
    this.#delivery = { client, fate: this.clients[client]!.host.receive(forwarded) };
  }
}

/** An IPv4 packet of this length, with a payload of zeros. */
export function packetBetween(source: string, destination: string, length: number): Uint8Array {
  return IpPacket.wrap(source, destination, new Uint8Array(length - 20)).bytes;
}
