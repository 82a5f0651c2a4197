import assert from "node:assert/strict";
import { desiredState } from "../../../lib/kernel/desired.ts";
import { type Observed, pairKey } from "../../../lib/kernel/state.ts";
import { ed25519 } from "../auth/vectors.ts";
import { sampleObserved, samplePeer, sampleSettings } from "../samples.ts";
import { desire, desireAll, HERE, HOME, HUB, listening, NOW, OUTSIDE, PEERS } from "./desired_scene.ts";

Deno.test("desiredState() of a server without clients is its gate and its listener", () => {
  const { tunnels, listeners, altAddresses, gate } = desire();
  assert.deepEqual([tunnels.size, altAddresses.size], [0, 0]);
  const local = { ip: "192.0.2.1", port: 10_000 };
  assert.deepEqual(listeners, new Map([["192.0.2.1:10000", { local, device: null }]]));
  assert.deepEqual([gate?.table, gate?.name, gate?.mark], ["ipipou", "a", "ipipou:a"]);
  assert.deepEqual([gate?.remotes.size, gate?.addresses.size, gate?.alts.size], [0, 0, 0]);
  assert.deepEqual([gate?.ip, gate?.ports], ["192.0.2.1", [10_000]]);
});

Deno.test("desiredState() binds no listener to a device, except in a VRF, and leaves one bound that is", () => {
  const key = "192.0.2.1:10000";
  const bindingOf = (fields: Partial<Observed>) => {
    const wanted = { settings: HUB, outside: OUTSIDE, admissions: new Map() };
    return desiredState(wanted, { ...sampleObserved({}), ...fields }, NOW).state.listeners.get(key)?.device;
  };
  const bound = (device: string) => {
    const listeners = new Map([[key, { local: { ip: "192.0.2.1", port: 10_000 }, device }]]);
    return { own: { ...sampleObserved({}).own, listeners } };
  };
  assert.equal(bindingOf({}), null);
  assert.equal(bindingOf({ vrfMembers: new Set(["eth0"]) }), "eth0");
  assert.equal(bindingOf(bound("eth0")), "eth0");
  assert.equal(bindingOf(bound("eth1")), null);
});

Deno.test("desiredState() has a tunnel for each admitted peer", () => {
  const { tunnels, gate } = desire(HUB, { b: HERE });
  assert.deepEqual([...tunnels.values()], [{
    name: "b",
    alias: "ipipou:a:mtu-1472",
    remote: HOME,
    local: { ip: "192.0.2.1", port: 10_000 },
    checksum: null,
    header: "ttl 64 tos 0x00 pmtudisc",
    mtu: 1472,
    fwmark: 0,
    link: "eth0",
    inner: { ip: "172.28.0.2", peerIp: "172.28.0.3" },
    up: true,
    routes: [],
  }]);
  assert.deepEqual(
    gate?.remotes,
    new Map([["198.51.100.2:40001 10000", { endpoint: HOME, port: 10_000, alt: null, expiresAt: null }]]),
  );
  assert.deepEqual(gate?.addresses, new Set([HOME.ip]));
  assert.equal(gate?.rules.readdresses, false);
});

Deno.test("desiredState() has everything that the second peer behind one address needs for its private address", () => {
  const second = { ...HERE, remote: { ...HOME, port: 40_002 }, expiresAt: NOW + 5 };
  const { tunnels, listeners, altAddresses, gate } = desire(HUB, { a: HERE, b: second });
  assert.deepEqual([...tunnels.values()].map(({ local }) => local.ip), ["192.0.2.1", "172.29.0.1"]);
  assert.deepEqual([...tunnels.values()].map(({ alias }) => alias), [
    "ipipou:a:mtu-1472",
    "ipipou:a:private-address:mtu-1472",
  ]);
  assert.deepEqual([...listeners.keys()], ["192.0.2.1:10000", "172.29.0.1:10000"]);
  assert.deepEqual(altAddresses, new Map([["172.29.0.1", "lo"]]));
  assert.deepEqual(gate?.remotes.get("198.51.100.2:40002 10000"), {
    endpoint: second.remote,
    port: 10_000,
    alt: "172.29.0.1",
    expiresAt: NOW + 5,
  });
  assert.deepEqual(gate?.alts, new Set(["172.29.0.1"]));
  assert.equal(gate?.rules.readdresses, true);
});

Deno.test("desiredState() keeps the tunnel of a peer whose admission expired, and shuts it out", () => {
  for (const expiresAt of [NOW, NOW - 1]) {
    const { tunnels, gate } = desire(HUB, { a: { ...HERE, expiresAt } });
    assert.equal(tunnels.size, 1);
    assert.equal(gate?.remotes.size, 0);
    assert.deepEqual(gate?.addresses, new Set([HOME.ip]));
  }
  assert.equal(desire(HUB, { a: { ...HERE, expiresAt: NOW + 1 } }).gate?.remotes.size, 1);
});

Deno.test("desiredState() lets in the peer that took over another peer's endpoint", () => {
  for (const [old, taker] of [["a", "b"], ["b", "a"]] as const) {
    const { gate, tunnels } = desire(HUB, { [old]: { ...HERE, expiresAt: NOW }, [taker]: HERE });
    const local = tunnels.get(taker)!.local.ip;
    assert.equal(gate?.remotes.size, 1);
    assert.equal(gate?.remotes.get("198.51.100.2:40001 10000")?.alt, local === OUTSIDE.ip ? null : local);
  }
});

Deno.test("desiredState() has each length of auth packets and good-byes once, ascending", () => {
  const token = { kind: "token", token: new Uint8Array(200) } as const;
  const schemes = [token, ed25519({}), { kind: "port" } as const, ed25519({})];
  const peers = schemes.map((scheme, index) => samplePeer({ name: `p${index}`, scheme }));
  assert.deepEqual(desire(sampleSettings({ peers })).gate?.rules.authLengths, [0, 73, 79, 200]);
  const repeatable = peers.map((peer) => ({ ...peer, replay: "off" as const }));
  assert.deepEqual(desire(sampleSettings({ peers: repeatable })).gate?.rules.authLengths, [0, 73, 200]);
});

Deno.test("desiredState() passes the settings on", () => {
  const settings = sampleSettings({
    local: { ip: "192.0.2.1", device: null, ports: [7] },
    fouMark: 0x66,
    encapCsum: true,
    queue: { number: 42, maxLength: 1 },
    nft: { table: "mine", counter: false },
  });
  const { tunnels, listeners, gate } = desire(settings, { ipipou0: { ...HERE, port: 7 } });
  const tunnel = tunnels.get("ipipou0")!;
  assert.deepEqual([tunnel.local.port, tunnel.link, tunnel.checksum, tunnel.fwmark], [7, null, true, 0x66]);
  assert.equal(listeners.get("192.0.2.1:7")?.device, null);
  const { table, queue, counter } = gate!.rules;
  assert.deepEqual([table, queue, counter], ["mine", 42, false]);
});

Deno.test("desiredState() has no UDP checksums for a peer whose packets are rewritten", () => {
  const neighbour = { ...HERE, remote: { ...HOME, port: 40002 } };
  for (const [encapCsum, second] of [[true, false], [false, false], [null, null]]) {
    const settings = { ...HUB, encapCsum: encapCsum! };
    const { tunnels } = desire(settings, { a: HERE, b: neighbour });
    const checksums = ["a", "b"].map((name) => tunnels.get(name)!.checksum);
    assert.deepEqual(checksums, [encapCsum, second]);
    assert.notEqual(tunnels.get("b")!.local.ip, OUTSIDE.ip);
  }
});

Deno.test("desiredState() of a client is a tunnel, its listener, and a gate where nft can be used", () => {
  const settings = sampleSettings({ mode: "client" });
  const { tunnels, listeners, gate } = desire(settings, { ipipou0: HERE });
  assert.deepEqual([...tunnels.keys()], ["ipipou0"]);
  assert.deepEqual([...listeners.keys()], ["192.0.2.1:10000"]);
  assert.deepEqual([gate?.rules.server, gate?.remotes.size, gate?.addresses.size], [HOME, 0, 0]);
  const wanted = { settings, outside: OUTSIDE, admissions: new Map([["ipipou0", HERE]]) };
  assert.equal(desiredState(wanted, { ...sampleObserved({}), hasNft: false }, NOW).state.gate, null);
  assert.equal(desire(settings).listeners.size, 0);
  const taken = new Set([pairKey(OUTSIDE.ip, HOME.ip)]);
  const { state, faults } = desireAll(settings, { ipipou0: HERE }, { pairs: taken });
  assert.deepEqual([[...faults.keys()], state.tunnels.size, state.altAddresses.size], [["ipipou0"], 0, 0]);
});

Deno.test("desiredState() of a client has its port for its server alone while tunl0 is up, unless another tunnel uses it", () => {
  const settings = sampleSettings({ mode: "client" });
  const excludes = (foreign: Partial<Observed["foreign"]>) =>
    desire(settings, { ipipou0: HERE }, foreign).gate!.rules.excludes;
  const wildcards = ["tunl0"];
  assert.equal(excludes({}), false);
  assert.equal(excludes({ wildcards }), true);
  assert.equal(excludes({ wildcards, tunnelPorts: new Set([10_001]) }), true);
  assert.equal(excludes({ wildcards, tunnelPorts: new Set([10_000]) }), false);
  assert.equal(excludes({ wildcards, listeners: listening("192.0.2.1:10000") }), false);
});

Deno.test("desiredState() serves several ports: listeners, gate, and tunnels by the port that peers came to", () => {
  const settings = sampleSettings({
    peers: PEERS,
    local: { ip: "192.0.2.1", device: "eth0", ports: [10_000, 10_001] },
  });
  const foreign = { listeners: listening("192.0.2.1:10000") };
  const { tunnels, listeners, gate } = desire(settings, { a: HERE, b: { ...HERE, port: 10_001 } }, foreign);
  assert.deepEqual([...listeners.keys()], ["192.0.2.1:10001", "172.29.0.1:10001"]);
  assert.deepEqual([...tunnels.values()].map(({ local, alias }) => [local.ip, local.port, alias]), [
    ["192.0.2.1", 10_000, "ipipou:a:foreign-listener-10000:mtu-1472"],
    ["172.29.0.1", 10_001, "ipipou:a:private-address:mtu-1472"],
  ]);
  assert.deepEqual([...gate!.remotes.keys()], ["198.51.100.2:40001 10000", "198.51.100.2:40001 10001"]);
  assert.deepEqual([gate!.ports, gate!.mark], [[10_000, 10_001], "ipipou:a:foreign-listener-10000"]);
});

Deno.test("desiredState() has no listener at a port that is not its own, and lets nobody in there", () => {
  const { listeners, gate } = desire(HUB, { a: { ...HERE, port: 10_009 } });
  assert.deepEqual([...listeners.keys()], ["192.0.2.1:10000"]);
  assert.equal(gate?.remotes.size, 0);
});

Deno.test("desiredState() parks the tunnel of a peer without a place", () => {
  const routed = PEERS.map((peer) => ({ ...peer, routes: ["10.1.0.0/16"] }));
  const settings = sampleSettings({ peers: routed.slice(0, 1) });
  const { tunnels, listeners, altAddresses, gate } = desire(settings, { a: { ...HERE, remote: null } });
  const { local, remote, up, inner, routes } = tunnels.get("a")!;
  assert.deepEqual([local.ip, remote.ip, up], ["127.172.28.0", "0.0.1.1", true]);
  assert.deepEqual([inner, routes], [{ ip: "172.28.0.0", peerIp: "172.28.0.1" }, ["10.1.0.0/16"]]);
  assert.deepEqual([[...listeners.keys()], altAddresses.size], [["192.0.2.1:10000"], 0]);
  assert.deepEqual([gate?.remotes.size, gate?.addresses.size, gate?.alts.size], [0, 0, 0]);
});

Deno.test("desiredState() filters the tunnels of peers that may use only certain addresses", () => {
  const allowedIps = ["10.1.0.0/16", "172.28.0.1/32"];
  const peers = [{ ...PEERS[0]!, allowedIps }, PEERS[1]!];
  const { gate } = desire(sampleSettings({ peers }), { a: HERE, b: { ...HERE, port: 10_001 } });
  assert.deepEqual(gate?.devices, new Set(["a"]));
  assert.deepEqual(gate?.sources, new Set(['"a" . 10.1.0.0/16', '"a" . 172.28.0.1']));
  assert.equal(gate?.rules.filters, true);
  assert.equal(desire().gate?.rules.filters, false);
  assert.equal(desire(sampleSettings({ peers })).gate?.sources.size, 0);
});

Deno.test("desiredState() of a hub without peers is a gate that lets nobody in", () => {
  const { gate } = desire(sampleSettings({ peers: [], name: "hub" }));
  assert.deepEqual([gate?.name, gate?.rules.authLengths, gate?.rules.capacity], ["hub", [], 1]);
});
