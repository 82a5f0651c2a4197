import assert from "node:assert/strict";
import fc from "fast-check";
import type { Admission } from "../../../lib/admission.ts";
import { parseNetwork } from "../../../lib/ipv4.ts";
import { assignLocals } from "../../../lib/kernel/layout.ts";
import { formatMark } from "../../../lib/kernel/mark.ts";
import { pairKey, type Tunnel } from "../../../lib/kernel/state.ts";
import type { Peer } from "../../../lib/settings/settings.ts";
import { samplePeer } from "../samples.ts";

const MAIN = "192.0.2.1";
const NAMES = ["a", "b", "c", "d"];
const PEERS = NAMES.map((name, index) => samplePeer({ name, altIp: `172.29.0.${index}` }));

/** Admissions of peers at these addresses, by peer name. */
function at(addresses: Readonly<Record<string, string>>): Map<string, Admission> {
  return new Map(
    Object.entries(addresses).map(([name, ip], index) => [
      name,
      { remote: { ip, port: 40_000 + index }, port: 10_000, expiresAt: null },
    ]),
  );
}

/** The tunnels after an assignment. */
function standing(locals: ReadonlyMap<string, string>, admissions: ReadonlyMap<string, Admission>) {
  return new Map([...locals].map(([name, ip]): [string, Tunnel] => {
    const remote = admissions.get(name)!.remote!;
    const privateAddress = ip === MAIN ? null : "own" as const;
    const alias = formatMark({ name: "a", foreignPorts: [], privateAddress, mtu: null });
    const rest = {
      ...{ checksum: null, header: "", mtu: 1472, fwmark: 0 },
      ...{ link: null, inner: null, up: true, routes: [] },
    };
    return [name, { name, alias, remote, local: { ip, port: 10_000 }, ...rest }];
  }));
}

/** Addresses with foreign `pairs` and `others`. */
function addressesBut(pairs: readonly string[] = [], others: readonly string[] = []) {
  const foreign = { pairs: new Set(pairs), addresses: new Map(others.map((ip) => [ip, "eth0"])) };
  const privateNet = parseNetwork("172.29.0.0/16")!;
  return { main: MAIN, firstAlt: "172.29.0.0", privateNet, inUse: [], reserved: new Set<string>(), foreign };
}

function assign(
  admissions: ReadonlyMap<string, Admission>,
  tunnels: ReadonlyMap<string, Tunnel> = new Map(),
  foreignPairs: readonly string[] = [],
  peers: readonly Peer[] = PEERS,
) {
  const { locals, faults } = assignLocals(peers, admissions, tunnels, addressesBut(foreignPairs));
  assert.deepEqual(faults, new Map());
  return Object.fromEntries(locals);
}

Deno.test("assignLocals() gives the main address to a peer that is alone at its address", () => {
  assert.deepEqual(assign(at({})), {});
  assert.deepEqual(assign(at({ a: "198.51.100.1", c: "198.51.100.2" })), { a: MAIN, c: MAIN });
});

Deno.test("assignLocals() gives the main address to the first peer behind one address, and private ones to the others", () => {
  const together = at({ a: "198.51.100.1", b: "198.51.100.1", c: "198.51.100.1" });
  assert.deepEqual(assign(together), { a: MAIN, b: "172.29.0.1", c: "172.29.0.2" });
});

Deno.test("assignLocals() moves no peer when another comes", () => {
  const before = at({ b: "198.51.100.1" });
  const tunnels = standing(new Map([["b", MAIN]]), before);
  const both = at({ a: "198.51.100.1", b: "198.51.100.1" });
  assert.deepEqual(assign(both, tunnels), { a: "172.29.0.0", b: MAIN });
});

Deno.test("assignLocals() moves no peer when another goes", () => {
  const both = at({ a: "198.51.100.1", b: "198.51.100.1" });
  const tunnels = standing(new Map([["a", MAIN], ["b", "172.29.0.1"]]), both);
  assert.deepEqual(assign(at({ b: "198.51.100.1" }), tunnels), { b: "172.29.0.1" });
  assert.deepEqual(assign(at({ a: "198.51.100.9", b: "198.51.100.1" }), tunnels), {
    a: MAIN,
    b: "172.29.0.1",
  });
});

Deno.test("assignLocals() gives the main address to a peer that moves to an address of its own", () => {
  const both = at({ a: "198.51.100.1", b: "198.51.100.1" });
  const tunnels = standing(new Map([["a", MAIN], ["b", "172.29.0.1"]]), both);
  assert.deepEqual(assign(at({ a: "198.51.100.1", b: "198.51.100.9" }), tunnels), { a: MAIN, b: MAIN });
});

Deno.test("assignLocals() gives no main address when a foreign device has the pair", () => {
  const foreign = [pairKey(MAIN, "198.51.100.1")];
  const admissions = at({ a: "198.51.100.1", b: "198.51.100.2" });
  assert.deepEqual(assign(admissions, new Map(), foreign), { a: "172.29.0.0", b: MAIN });
});

Deno.test("assignLocals() gives a peer its private address if the settings force it", () => {
  const peers = [samplePeer({ name: "a", altIp: "172.29.0.0", forceAlt: true }), PEERS[1]!];
  const admissions = at({ a: "198.51.100.1", b: "198.51.100.1" });
  assert.deepEqual(assign(admissions, new Map(), [], peers), { a: "172.29.0.0", b: MAIN });
  const tunnels = standing(new Map([["a", MAIN]]), admissions);
  assert.deepEqual(assign(admissions, tunnels, [], peers), { a: "172.29.0.0", b: MAIN });
});

Deno.test("assignLocals() gives a client no private address, and says what is in the way", () => {
  const peers = [samplePeer({ name: "a", forceAlt: true })];
  const admissions = at({ a: "198.51.100.1" });
  const ofClient = (pairs: readonly string[]) => ({ ...addressesBut(pairs), firstAlt: null });
  assert.deepEqual(assignLocals(peers, admissions, new Map(), ofClient([])).locals, new Map([["a", MAIN]]));
  const { locals, faults } = assignLocals(
    peers,
    admissions,
    new Map(),
    ofClient([pairKey(MAIN, "198.51.100.1")]),
  );
  assert.deepEqual(locals, new Map());
  assert.equal(
    faults.get("a")?.message,
    "Cannot make the tunnel of a to 198.51.100.1: another tunnel leads there from 192.0.2.1, and the kernel " +
      "allows one for each pair of addresses; choose another --fou-local-ip",
  );
});

Deno.test("assignLocals() gives peers without an address of their own the first free one", () => {
  const peers = NAMES.map((name) => samplePeer({ name, altIp: name === "d" ? "172.29.0.1" : null }));
  const together = at({ a: "198.51.100.1", b: "198.51.100.1", c: "198.51.100.1", d: "198.51.100.1" });
  const addresses = { ...addressesBut([], ["172.29.0.2"]), reserved: new Set(["172.29.0.1"]) };
  const { locals } = assignLocals(peers, together, new Map(), addresses);
  const expected = { a: MAIN, b: "172.29.0.0", c: "172.29.0.3", d: "172.29.0.1" };
  assert.deepEqual(Object.fromEntries(locals), expected);
  const elsewhere = at({ a: "198.51.100.1", b: "198.51.100.1", c: "198.51.100.2", d: "198.51.100.2" });
  const apart = { a: MAIN, b: "172.29.0.0", c: MAIN, d: "172.29.0.1" };
  assert.deepEqual(assign(elsewhere, new Map(), [], peers), apart);
});

Deno.test("assignLocals() lets a peer keep its private address, unless that is foreign now", () => {
  const peers = NAMES.map((name) => samplePeer({ name, altIp: null }));
  const both = at({ a: "198.51.100.1", b: "198.51.100.1" });
  const tunnels = standing(new Map([["a", "172.29.0.7"], ["b", "172.29.0.9"]]), both);
  assert.deepEqual(assign(both, tunnels, [], peers), { a: "172.29.0.7", b: "172.29.0.9" });
  const { locals } = assignLocals(peers, both, tunnels, addressesBut([], ["172.29.0.9"]));
  assert.deepEqual(Object.fromEntries(locals), { a: "172.29.0.7", b: MAIN });
  const old = standing(new Map([["a", MAIN]]), both);
  const moved = { ...addressesBut(), main: "192.0.2.7" };
  assert.equal(assignLocals(peers, at({ a: "198.51.100.1" }), old, moved).locals.get("a"), "192.0.2.7");
});

Deno.test("assignLocals() takes from a peer the private address that a reload makes another peer's own", () => {
  const [own, any] = [samplePeer({ name: "a", altIp: "172.29.0.0" }), samplePeer({ name: "b", altIp: null })];
  const there = at({ b: "198.51.100.1", c: "198.51.100.1", a: "198.51.100.1" });
  const others = [any, samplePeer({ name: "c", altIp: null })];
  const tunnels = standing(new Map([["c", MAIN], ["b", "172.29.0.0"]]), there);
  const addresses = { ...addressesBut(), reserved: new Set(["172.29.0.0"]) };
  const { locals, faults } = assignLocals([own, ...others], there, tunnels, addresses);
  assert.deepEqual(faults, new Map());
  assert.deepEqual(Object.fromEntries(locals), { c: MAIN, a: "172.29.0.0", b: "172.29.0.1" });
});

Deno.test("assignLocals() gives no address to a parked peer", () => {
  const admissions = new Map([["a", { remote: null, port: 10_000, expiresAt: null }]]);
  assert.deepEqual(assign(admissions), {});
});

Deno.test("assignLocals() stops at the end of the private addresses", () => {
  const peers = NAMES.map((name) => samplePeer({ name, altIp: null, forceAlt: true }));
  const together = at({ a: "198.51.100.1", b: "198.51.100.1", c: "198.51.100.1" });
  const addresses = { ...addressesBut(), firstAlt: "172.29.255.254" };
  const { locals, faults } = assignLocals(peers, together, new Map(), addresses);
  assert.deepEqual(Object.fromEntries(locals), { a: "172.29.255.254", b: "172.29.255.255" });
  assert.match(
    faults.get("c")!.message,
    /tunnel of c .*: all private addresses of 172\.29\.0\.0\/16 are in use; choose another --fou-private-net$/,
  );
});

Deno.test("assignLocals() gives no private address of a network in use, and takes it from a peer that has one", () => {
  const together = at({ a: "198.51.100.1", b: "198.51.100.1", c: "198.51.100.1", d: "198.51.100.1" });
  const inUse = (...networks: string[]) => networks.map((network) => parseNetwork(network)!);
  const addresses = { ...addressesBut(), inUse: inUse("172.29.0.0/24", "172.29.1.0/31", "172.29.2.0/23") };
  const peers = NAMES.map((name) =>
    samplePeer({ name, altIp: { a: null, b: "172.29.0.0", c: null, d: "172.29.0.3" }[name]! })
  );
  const { locals, faults } = assignLocals(peers, together, new Map(), addresses);
  assert.deepEqual(Object.fromEntries(locals), { a: MAIN, b: "172.29.1.2", c: "172.29.1.3" });
  const why =
    /private address 172\.29\.0\.3 is in 172\.29\.0\.0\/24, which is in use here; choose another --fou-local-ip-alt$/;
  assert.match(faults.get("d")!.message, why);
  const tunnels = standing(locals, together);
  assert.deepEqual(assignLocals(peers, together, tunnels, addresses).locals, locals);
  const moved = { ...addresses, inUse: [...addresses.inUse, ...inUse("172.29.1.2/32")] };
  const after = assignLocals(peers, together, tunnels, moved).locals;
  assert.deepEqual(Object.fromEntries(after), { a: MAIN, b: "172.29.1.4", c: "172.29.1.3" });
  const full = { ...addresses, inUse: inUse("172.16.0.0/12") };
  const { message } = assignLocals(peers, together, new Map(), full).faults.get("c")!;
  assert.match(
    message,
    /all private addresses of 172\.29\.0\.0\/16 are in use; choose another --fou-private-net$/,
  );
});

Deno.test("assignLocals() gives no two tunnels the same pair, and moves none that stays", () => {
  const pools = [PEERS, NAMES.map((name) => samplePeer({ name, altIp: null }))];
  const places = fc.array(fc.option(fc.integer({ min: 1, max: 2 })), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(
      fc.array(places, { minLength: 1, maxLength: 6 }),
      fc.constantFrom(...pools),
      (history, peers) => {
        let tunnels = new Map<string, Tunnel>();
        for (const step of history) {
          const homes = step.flatMap((place, index) =>
            place === null ? [] : [[NAMES[index]!, `198.51.100.${place}`] as const]
          );
          const admissions = at(Object.fromEntries(homes));
          const { locals } = assignLocals(peers, admissions, tunnels, addressesBut());
          assert.deepEqual([...locals.keys()].sort(), homes.map(([name]) => name).sort());
          const next = standing(locals, admissions);
          const pairs = [...next.values()].map(({ local, remote }) => pairKey(local.ip, remote.ip));
          assert.equal(new Set(pairs).size, pairs.length);
          for (const [name, { local, remote }] of next) {
            if (tunnels.get(name)?.remote.ip === remote.ip) {
              assert.equal(
                local.ip,
                tunnels.get(name)!.local.ip,
              );
            }
          }
          tunnels = next;
        }
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("assignLocals() keeps no address that others gave to a tunnel with a private one", () => {
  const anyAlt = PEERS.map((peer) => ({ ...peer, altIp: null }));
  const together = at({ a: "198.51.100.1", b: "198.51.100.1" });
  const tunnels = standing(new Map([["a", MAIN], ["b", "172.29.0.5"]]), together);
  assert.deepEqual(assign(together, tunnels, [], anyAlt), { a: MAIN, b: "172.29.0.5" });
  const moved = standing(new Map([["a", MAIN], ["b", "192.0.2.77"]]), together);
  assert.deepEqual(assign(together, moved, [], anyAlt), { a: MAIN, b: "172.29.0.0" });
});
