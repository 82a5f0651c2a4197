import { linesOf } from "./lines.ts";
import assert from "node:assert/strict";
import { formatMark } from "../../../lib/kernel/mark.ts";
import { addRemotes, changeKeys } from "../../../lib/kernel/gate_elements.ts";
import { defineGate } from "../../../lib/kernel/gate_rules.ts";
import type { GateRules, Remote } from "../../../lib/kernel/state.ts";
import { buildUdpPacket } from "../../../lib/packet.ts";
import { VirtualClock } from "./clock.ts";
import { destinationOf, type Fate } from "./data_path.ts";
import type { FakeHost } from "./host.ts";
import { IpPacket } from "./ip_packet.ts";
import { ADDRESS, newHost } from "./scene.ts";

const RULES: GateRules = {
  server: null,
  table: "ipipou",
  name: "hub",
  ip: ADDRESS,
  ports: [10_000],
  capacity: 1,
  authLengths: [0, 73],
  queue: 7,
  counter: true,
  readdresses: true,
  reroutes: null,
  filters: true,
  shares: false,
  hintQueue: 32_775,
  serverPorts: [],
  excludes: false,
  alt: null,
  clamp: null,
  mark: formatMark({ name: "hub", foreignPorts: [], privateAddress: null, mtu: null }),
};
const PEER = { ip: "198.51.100.2", port: 40_000 };
const ALT = "172.29.0.1";
const FOU_PORT = { ip: ADDRESS, port: 10_000 };

function inner(source = "172.28.0.1", length = 100): Uint8Array {
  return IpPacket.wrap(source, "172.28.0.0", new Uint8Array(length - 20)).bytes;
}

function datagram(payload: Uint8Array, source = PEER, destination = FOU_PORT): Uint8Array {
  return buildUdpPacket({ source, destination, payload }, 64);
}

/** What becomes of a packet, as a word. */
function short(fate: Fate): string {
  return fate.kind === "device" ? fate.name : fate.kind;
}

/** A host without a gate, with two tunnels to one address: from the main and from a private local address. */
function newHub(): FakeHost {
  const host = newHost();
  const tunnel = (name: string, local: string, port: number) => [
    `link add name ${name} type ipip remote ${PEER.ip} local ${local} encap fou encap-sport 10000 ` +
    `encap-dport ${port} mode ipip dev eth0`,
    `link set dev ${name} up`,
    `fou add port 10000 ipproto 4 local ${local} dev eth0`,
  ];
  host.kernel.ip(`address add ${ALT}/32 dev eth0 scope global`);
  for (const line of [...tunnel("p0", ADDRESS, 40_000), ...tunnel("p1", ALT, 40_001)]) host.kernel.ip(line);
  return host;
}

function remote(port: number, alt: string | null): Remote {
  return { endpoint: { ...PEER, port }, port: 10_000, alt, expiresAt: null };
}

const GATE = { table: "ipipou", name: "hub" };

function closeGate({ kernel }: FakeHost, rules = RULES): void {
  kernel.nft([
    ...defineGate(rules),
    ...linesOf([
      ...addRemotes("ipipou", "hub", [remote(40_000, null), remote(40_001, ALT)], 0),
      ...changeKeys("add", GATE, "addresses", [PEER.ip]),
      ...changeKeys("add", GATE, "alts", [ALT]),
      ...rules.filters ? changeKeys("add", GATE, "devices", ["p0"]) : [],
      ...rules.filters ? changeKeys("add", GATE, "sources", ['"p0" . 172.28.0.0/24']) : [],
    ]),
  ]);
}

Deno.test("without a gate a FOU port admits anyone who sends from a tunnel's address", () => {
  const host = newHub();
  assert.equal(short(host.receive(datagram(inner()))), "p0");
  assert.equal(short(host.receive(datagram(inner(), { ...PEER, port: 1 }))), "p0");
  assert.equal(short(host.receive(datagram(inner(), PEER, { ip: ALT, port: 10_000 }))), "p1");
  assert.equal(short(host.receive(datagram(inner(), { ip: "203.0.113.9", port: 40_000 }))), "dropped");
  const bare = IpPacket.wrap(PEER.ip, ADDRESS, inner()).bytes;
  assert.equal(short(host.receive(bare)), "p0");
});

Deno.test("packets are dropped without a FOU port, on another device, or if the device is down", () => {
  const host = newHub();
  host.kernel.addDevice("eth1", { addresses: ["203.0.113.1/24"] });
  assert.equal(short(host.receive(datagram(inner()), "eth1")), "dropped");
  host.kernel.ip("link set dev p0 down");
  assert.equal(short(host.receive(datagram(inner()))), "dropped");
  host.kernel.ip("link set dev p0 up");
  assert.equal(short(host.receive(datagram(inner()))), "p0");
  host.kernel.ip(`fou del port 10000 ipproto 4 local ${ADDRESS} dev eth0`);
  assert.deepEqual(host.receive(datagram(inner())), { kind: "dropped", why: "no FOU port 192.0.2.1:10000" });
  host.kernel.ip("link set dev eth0 down");
  assert.deepEqual(host.receive(datagram(inner())), { kind: "dropped", why: "eth0 is not up" });
  host.kernel.ip("link set dev tunl0 up");
  host.kernel.ip("link set dev eth0 up");
  const stranger = IpPacket.wrap("203.0.113.9", ADDRESS, inner()).bytes;
  assert.equal(short(host.receive(stranger)), "tunl0", "the device that takes what no other does");
});

Deno.test("the gate admits places in its map, to the tunnel that the map names", () => {
  const host = newHub();
  closeGate(host);
  assert.equal(short(host.receive(datagram(inner()))), "p0");
  assert.equal(short(host.receive(datagram(inner(), { ...PEER, port: 40_001 }))), "p1");
  assert.equal(short(host.receive(datagram(inner(), { ...PEER, port: 40_002 }))), "dropped");
  assert.equal(short(host.receive(datagram(inner(), PEER, { ip: ALT, port: 10_000 }))), "dropped");
  for (const local of [ADDRESS, ALT]) {
    assert.equal(short(host.receive(IpPacket.wrap(PEER.ip, local, inner()).bytes)), "dropped");
  }
  host.kernel.nft(["delete element ip ipipou remotes-hub { 198.51.100.2 . 40000 . 10000 }"]);
  assert.equal(short(host.receive(datagram(inner()))), "dropped");
});

Deno.test("the gate queues auth packets, by length and form, if a process reads the queue", async () => {
  const host = newHub();
  closeGate(host);
  const auth = datagram(new Uint8Array(73).fill(9), { ip: "203.0.113.9", port: 5 });
  assert.deepEqual(host.receive(auth), { kind: "dropped", why: "queue 7" });
  const process = host.start();
  const queue = process.system.openPacketQueue({ number: 7, maxLength: 2, copyRange: 60 });
  assert.equal(short(host.receive(auth)), "queue");
  assert.equal(short(host.receive(datagram(new Uint8Array(0)))), "queue");
  assert.equal(short(host.receive(auth)), "dropped", "it is full");
  assert.equal(short(host.receive(datagram(inner(undefined, 73)))), "p0", "it is data");
  assert.equal(short(host.receive(datagram(new Uint8Array(72)))), "dropped");
  const reader = queue.packets(new AbortController().signal)[Symbol.asyncIterator]();
  assert.deepEqual((await reader.next()).value, auth.slice(0, 60));
  process.kill();
  assert.deepEqual(host.receive(auth), { kind: "dropped", why: "queue 7" });
});

Deno.test("the gate's elements expire by the clock", async () => {
  const clock = new VirtualClock();
  const host = newHost({}, clock);
  host.kernel.ip(`link add name p0 type ipip remote ${PEER.ip} local ${ADDRESS} mode ipip dev eth0`);
  host.kernel.ip("link set dev p0 up");
  host.kernel.ip(`fou add port 10000 ipproto 4 local ${ADDRESS} dev eth0`);
  const timed = { ...remote(PEER.port, null), expiresAt: clock.now() + 1_500 };
  host.kernel.nft([...defineGate(RULES), ...linesOf(addRemotes("ipipou", "hub", [timed], clock.now()))]);
  assert.equal(short(host.receive(datagram(inner()))), "p0");
  await clock.advance(1_499);
  assert.equal(short(host.receive(datagram(inner()))), "p0");
  await clock.advance(1);
  assert.equal(short(host.receive(datagram(inner()))), "dropped");
});

Deno.test("the gate filters the inner source addresses of a tunnel", () => {
  const host = newHub();
  closeGate(host);
  assert.equal(short(host.receive(datagram(inner("172.28.0.77")))), "p0");
  assert.deepEqual(host.receive(datagram(inner("172.28.1.1"))), {
    kind: "dropped",
    why: "nftables, out of p0",
  });
  assert.equal(short(host.receive(datagram(inner("172.28.1.1"), { ...PEER, port: 40_001 }))), "p1");
});

Deno.test("a nested packet reaches another tunnel only without the gate", () => {
  const host = newHub();
  host.kernel.ip("address add 172.28.0.0 peer 172.28.0.1 dev p0");
  const nested = datagram(inner(), { ...PEER, port: 40_001 }, { ip: ALT, port: 10_000 });
  const fate = host.receive(datagram(nested));
  assert.equal(short(fate), "p0");
  const next = () => short(host.receive((fate as Fate & { kind: "device" }).inner, "p0"));
  assert.equal(next(), "dropped", "the FOU port is bound to eth0");
  host.kernel.ip(`fou del port 10000 ipproto 4 local ${ALT} dev eth0`);
  host.kernel.ip(`fou add port 10000 ipproto 4 local ${ALT}`);
  assert.equal(next(), "p1");
  closeGate(host, { ...RULES, filters: false });
  assert.equal(next(), "dropped");
});

Deno.test("send() gives the outer destination and source of a tunnel's data", () => {
  const sent: Uint8Array[] = [];
  const host = newHub();
  const send = (device: string) => {
    const sending = host.send(device, inner());
    if (sending.kind === "sent") sent.push(sending.packet);
    return destinationOf(sending);
  };
  assert.deepEqual(send("p0"), PEER);
  assert.deepEqual(send("p1"), { ...PEER, port: 40_001 });
  assert.equal(IpPacket.copy(sent[1]!)!.source, ALT, "nobody rewrites it");
  closeGate(host);
  assert.deepEqual(send("p1"), { ...PEER, port: 40_001 });
  assert.equal(IpPacket.copy(sent[2]!)!.source, ADDRESS);
  assert.equal(IpPacket.copy(sent[2]!)!.bits(0, 16), 10_000);
});

Deno.test("send() sends nothing from a device that is down, parked, without an address or without a route", () => {
  const host = newHub();
  const { kernel } = host;
  const why = (device: string) => {
    const sending = host.send(device, inner());
    return sending.kind === "dropped" ? sending.why : null;
  };
  assert.equal(why("p0"), null);
  kernel.ip("link set dev p0 down");
  assert.match(why("p0")!, /no tunnel that is up/);
  kernel.ip("link set dev p0 up");
  kernel.ip("link set dev p0 type ipip remote 0.0.1.1 local 127.172.28.0");
  assert.equal(why("p0"), "it leads nowhere");
  kernel.ip(`address delete ${ALT}/32 dev eth0`);
  assert.equal(why("p1"), "172.29.0.1 is no address of this host");
  kernel.ip(`link add name p2 type ipip remote 203.0.113.5 local ${ADDRESS} mode ipip`);
  kernel.ip("link set dev p2 up");
  assert.equal(why("p2"), null);
  kernel.ip("route delete default dev eth0 proto boot");
  assert.equal(why("p2"), "no route to 203.0.113.5");
  assert.equal(host.send("p2", inner()).kind, "dropped");
});
