import assert from "node:assert/strict";
import { type Identity, identityOf } from "../../../lib/kernel/identity.ts";
import type { Listed, ListedObject } from "../fake/listed.ts";
import { sampleSettings } from "../samples.ts";
import type { IpDevice } from "../../../lib/kernel/listing.ts";
import { sortOut, withListeners } from "../../../lib/kernel/observe.ts";
import { ADMIN_TABLE } from "./fixtures/admin_table.ts";
import { partsOf } from "../../../lib/kernel/gate_names.ts";
import type { GateRules } from "../../../lib/kernel/state.ts";

const NOW = 1_795_219_200_000;
const HUB: Identity = {
  name: "p0",
  table: "ipipou",
  devices: new Set(["p0", "p1", "p2", "p3"]),
  ports: new Set([10_000]),
  queue: 0,
  made: new Set(),
};

function fixture(name: string): string {
  return Deno.readTextFileSync(new URL(`fixtures/${name}`, import.meta.url));
}

/** What `ip -json -details -batch -` printed for `address show` and `fou show`: a line for each. */
function ipListing(name: string): Omit<Listed, "nft"> {
  const [devices, fou] = fixture(name).trimEnd().split("\n").map((line) => JSON.parse(line));
  return { devices, fou, routes: [] };
}

/**
 * What a real kernel showed (Linux 6.1, iproute2 6.1, nftables 1.0.6) of a hub `p0` with four peers behind two
 * addresses, two of them with a lifetime of 300 seconds, beside foreign devices and listeners.
 */
function hub(): Listed {
  return { ...ipListing("hub_ip.txt"), nft: JSON.parse(fixture("hub_nft.txt")).nftables };
}

/** The hub with changed devices; without those for which `change` returns null. */
function hubWith(change: (device: IpDevice) => IpDevice | null): Listed {
  const listing = hub();
  return { ...listing, devices: listing.devices.map(change).filter((device) => device !== null) };
}

function withoutNft(isGone: (object: ListedObject) => boolean): Listed {
  const listing = hub();
  return { ...listing, nft: listing.nft!.filter((object) => !isGone(object)) };
}

Deno.test("identityOf() gives a client no queue, by which rules of version 0.1 would count as its own", () => {
  const queue = { number: 7, maxLength: 24 };
  assert.equal(identityOf(sampleSettings({ queue })).queue, 7);
  assert.equal(identityOf(sampleSettings({ mode: "client", queue })).queue, -1);
});

Deno.test("sortOut() finds nothing of ours in an empty network namespace", () => {
  const { own, foreign, hostAddresses } = sortOut({ ...ipListing("empty_ip.txt"), nft: [] }, HUB, NOW);
  assert.deepEqual(own, {
    tunnels: new Map(),
    listeners: new Map(),
    altAddresses: new Map(),
    gate: null,
    obsoleteRules: new Set(),
  });
  assert.deepEqual(foreign.devices, new Map([["lo", "loopback"], ["tunl0", "ipip"]]));
  assert.deepEqual(foreign.pairs, new Set(["any any"]));
  assert.deepEqual(foreign.listeners, new Map());
  assert.deepEqual(hostAddresses, new Map([["lo", []], ["tunl0", []]]));
});

Deno.test("sortOut() reads our tunnels", () => {
  const { tunnels } = sortOut(hub(), HUB, NOW).own;
  assert.deepEqual([...tunnels.keys()], ["p0", "p1", "p2", "p3"]);
  assert.deepEqual(tunnels.get("p2"), {
    name: "p2",
    alias: "ipipou:p0:private-address",
    remote: { ip: "198.51.100.2", port: 40_002 },
    local: { ip: "172.29.0.2", port: 10_000 },
    checksum: false,
    header: "ttl inherit tos 0x00 pmtudisc",
    mtu: 1472,
    fwmark: 0,
    link: "eth0",
    inner: { ip: "172.28.0.4", peerIp: "172.28.0.5" },
    up: true,
    routes: [],
  });
});

Deno.test("sortOut() reads a half-made tunnel", () => {
  const { tunnels } = sortOut(
    hubWith((device) => device.ifname === "p0" ? { ...device, "addr_info": [], flags: ["NOARP"] } : device),
    HUB,
    NOW,
  ).own;
  assert.deepEqual([tunnels.get("p0")?.inner, tunnels.get("p0")?.up], [null, false]);
});

Deno.test("sortOut() tells our listeners and private addresses from foreign ones", () => {
  const { own, foreign } = sortOut(hub(), HUB, NOW);
  const ours = ["172.29.0.3:10000", "172.29.0.2:10000", "192.0.2.1:10000"];
  assert.deepEqual([...own.listeners.keys()].sort(), ours.sort());
  assert.deepEqual(own.listeners.get("192.0.2.1:10000"), {
    local: { ip: "192.0.2.1", port: 10_000 },
    device: "eth0",
  });
  assert.deepEqual(own.altAddresses, new Map([["172.29.0.2", "eth0"], ["172.29.0.3", "eth0"]]));
  assert.deepEqual(new Set(foreign.listeners.keys()), new Set(["0.0.0.0:7777"]));
  assert.deepEqual(
    foreign.addresses,
    new Map([["127.0.0.1", "lo"], ["192.0.2.1", "eth0"], ["192.0.2.77", "eth0"]]),
  );
});

Deno.test("sortOut() takes no FOU port for ours or usable that takes other packets, or those of one sender alone", () => {
  const others = [
    { port: 10_000, family: "inet", local: "192.0.2.1" },
    { port: 10_000, ipproto: 47, family: "inet", local: "192.0.2.1" },
    { port: 10_000, ipproto: 4, family: "inet6" },
    { port: 10_000, ipproto: 4, family: "inet", local: "192.0.2.1", peer: "192.0.2.2", peer_port: 5 },
  ];
  for (const other of others) {
    const { own, foreign } = sortOut({ ...hub(), fou: [other] }, HUB, NOW);
    assert.deepEqual([own.listeners.size, foreign.listeners.size], [0, 0]);
  }
});

Deno.test("sortOut() names foreign devices and their address pairs", () => {
  const { foreign } = sortOut(hub(), HUB, NOW);
  const kinds = { lo: "loopback", tunl0: "ipip", eth1: "veth", eth0: "veth", other: "ipip", plain: "ipip" };
  assert.deepEqual(Object.fromEntries(foreign.devices), kinds);
  assert.deepEqual(
    foreign.pairs,
    new Set(["any any", "192.0.2.1 203.0.113.9", "192.0.2.1 203.0.113.10"]),
  );
});

Deno.test("sortOut() knows that an alternative name of a device is taken", () => {
  const listing = hubWith((device) => ({ ...device, altnames: [`${device.ifname}-wan`] }));
  const { foreign } = sortOut(listing, HUB, NOW);
  assert.equal(foreign.devices.get("eth0-wan"), "an alternative name of eth0");
  assert.equal(foreign.devices.get("p1-wan"), "an alternative name of p1");
});

Deno.test("sortOut() and withListeners() call the outer device as the settings do", () => {
  const identity = { ...HUB, outer: "wan0" };
  const named = hubWith((device) =>
    device.ifname === "eth0" ? { ...device, altnames: ["wan0", "enp1s0"] } : device
  );
  const listing = { ...named, routes: [{ dst: "10.9.0.0/16", dev: "eth0" }] };
  const found = sortOut(listing, identity, NOW);
  const usual = sortOut(hub(), HUB, NOW);
  assert.deepEqual(found.hostAddresses.get("wan0"), usual.hostAddresses.get("eth0"));
  assert.deepEqual([found.outerName, found.hostAddresses.has("eth0")], ["eth0", false]);
  assert.deepEqual([...found.own.altAddresses.values()], ["wan0", "wan0"]);
  assert.equal(found.own.tunnels.get("p2")?.link, "wan0");
  assert.equal(found.own.listeners.get("192.0.2.1:10000")?.device, "wan0");
  assert.deepEqual(withListeners(found, listing.fou, identity), found);
  assert.equal(found.foreign.routes.get("10.9.0.0/16"), "wan0");
  for (const name of ["eth0", "wan0", "enp1s0"]) assert.ok(found.foreign.devices.has(name), name);
  assert.deepEqual(sortOut(named, { ...HUB, outer: "eth0" }, NOW).own, usual.own);
});

Deno.test("sortOut() keeps the kernel's order of addresses", () => {
  const { hostAddresses } = sortOut(hub(), HUB, NOW);
  assert.deepEqual(hostAddresses.get("eth0"), ["192.0.2.1", "172.29.0.2", "172.29.0.3", "192.0.2.77"]);
  assert.deepEqual(hostAddresses.get("p0"), ["172.28.0.0"]);
});

Deno.test("sortOut() reads the gate", () => {
  const { gate } = sortOut(hub(), HUB, NOW).own;
  assert.ok(gate);
  assert.equal(gate.fingerprint, "e3aaf24c2cdf.28");
  assert.equal(gate.mark, "ipipou:p0");
  assert.deepEqual([gate.ip, gate.ports], ["192.0.2.1", [10_000]]);
  const at = (last: number, port: number) => ({ ip: `198.51.100.${last}`, port });
  const expiresAt = NOW + 294_000;
  assert.deepEqual(Object.fromEntries(gate.remotes), {
    "198.51.100.2:40000 10000": { endpoint: at(2, 40_000), port: 10_000, alt: null, expiresAt: null },
    "198.51.100.3:40001 10000": { endpoint: at(3, 40_001), port: 10_000, alt: null, expiresAt },
    "198.51.100.2:40002 10000": { endpoint: at(2, 40_002), port: 10_000, alt: "172.29.0.2", expiresAt: null },
    "198.51.100.3:40003 10000": { endpoint: at(3, 40_003), port: 10_000, alt: "172.29.0.3", expiresAt },
  });
  assert.deepEqual(gate.addresses, new Set(["198.51.100.2", "198.51.100.3"]));
  const endpoints = ["2 . 40000", "2 . 40002", "3 . 40001", "3 . 40003"].map((end) => `198.51.100.${end}`);
  assert.deepEqual(gate.endpoints, new Set(endpoints));
  assert.deepEqual(gate.alts, new Set(["172.29.0.2", "172.29.0.3"]));
  const parts = partsOf({ name: "p0", server: null, readdresses: true, clamp: null } as GateRules);
  // Gates had this chain up to version 0.2.
  assert.deepEqual(gate.parts, parts.union(new Set(["alt-p0"])));
});

Deno.test("sortOut() sees that a gate lost a rule, its first rule, or everything but a set", () => {
  const gateOf = (isGone: (object: ListedObject) => boolean) =>
    sortOut(withoutNft(isGone), HUB, NOW).own.gate;
  assert.equal(gateOf(({ rule }) => rule?.chain === "untrack-p0")?.fingerprint, "");
  assert.equal(gateOf(({ rule }) => rule?.comment !== undefined)?.fingerprint, "");
  assert.deepEqual(gateOf((object) => object.set?.name !== "alts-p0")?.parts, new Set(["alts-p0"]));
  assert.equal(gateOf(() => true), null);
});

Deno.test("sortOut() does not take another instance's gate, tunnels or listeners for own ones", () => {
  const identity = { ...HUB, name: "p", devices: new Set(["p"]) };
  const { own, foreign } = sortOut(hub(), identity, NOW);
  assert.deepEqual([own.tunnels.size, own.listeners.size, own.altAddresses.size], [0, 0, 0]);
  assert.equal(own.gate, null);
  assert.equal(foreign.devices.get("p0"), "ipip");
  assert.ok(foreign.listeners.has("192.0.2.1:10000"));
  assert.equal(foreign.addresses.get("172.29.0.2"), "eth0");
});

Deno.test("sortOut() and withListeners() treat a FOU port that another instance claims as foreign", () => {
  const key = "192.0.2.1:10000";
  for (const [words, isShared] of [["", true], [":foreign-listener-10000", false]] as const) {
    const listing = hubWith((device) =>
      device.ifname === "p1" ? { ...device, ifalias: `ipipou:other${words}` } : device
    );
    const found = sortOut(listing, HUB, NOW);
    assert.deepEqual([found.foreign.claims.has(key), found.own.listeners.has(key)], [isShared, !isShared]);
    assert.deepEqual(
      withListeners(found, listing.fou, { made: new Set() }).own.listeners,
      found.own.listeners,
    );
  }
});

Deno.test("sortOut() takes over an unmarked FOU device of our name and port, but not its listener", () => {
  const unmarked = (device: IpDevice) => {
    const { ifalias: _, ...rest } = device;
    return device.ifname === "p2" ? rest : device;
  };
  const { own, foreign } = sortOut(hubWith(unmarked), HUB, NOW);
  assert.equal(own.tunnels.get("p2")?.alias, "");
  assert.ok(foreign.listeners.has("172.29.0.2:10000"));
  assert.ok(foreign.addresses.has("172.29.0.2"));
  assert.equal(sortOut(hubWith(unmarked), { ...HUB, ports: new Set([1]) }, NOW).own.tunnels.has("p2"), false);
  const elsewhere = { ...HUB, devices: new Set(["p0"]) };
  assert.equal(sortOut(hubWith(unmarked), elsewhere, NOW).own.tunnels.has("p2"), false);
});

Deno.test("sortOut() does not take over a device of our name with a foreign mark", () => {
  const marked = (device: IpDevice) => device.ifname === "p2" ? { ...device, ifalias: "uplink" } : device;
  const { own, foreign } = sortOut(hubWith(marked), HUB, NOW);
  assert.equal(own.tunnels.has("p2"), false);
  assert.equal(foreign.devices.get("p2"), "ipip");
});

Deno.test("sortOut() does not take over a device of our name without FOU, marked or not", () => {
  for (const alias of ["ipipou:p0", undefined]) {
    const listing = hubWith((device) => {
      const { ifalias: _, linkinfo, ...rest } = device;
      if (device.ifname !== "p2") return device;
      const info = linkinfo?.info_data;
      const gue = { ...linkinfo, "info_data": { ...info, encap: { ...info!.encap!, type: "gue" } } };
      return { ...rest, linkinfo: gue, ...(alias === undefined ? {} : { ifalias: alias }) };
    });
    const { own, foreign } = sortOut(listing, HUB, NOW);
    assert.equal(own.tunnels.has("p2"), false);
    assert.ok(foreign.pairs.has("172.29.0.2 198.51.100.2"));
  }
});

Deno.test("sortOut() does not count the address pair of another kind of tunnel", () => {
  const listing = hubWith((device) =>
    device.ifname === "other" ? { ...device, linkinfo: { ...device.linkinfo, "info_kind": "gre" } } : device
  );
  assert.equal(sortOut(listing, HUB, NOW).foreign.pairs.has("192.0.2.1 203.0.113.9"), false);
});

Deno.test("sortOut() takes a tunnel's first IPv4 address as its own, whatever was added later", () => {
  const listing = hubWith((device) => {
    const added = { family: "inet", local: "10.9.9.9" };
    return device.ifname === "p0" ? { ...device, "addr_info": [...device.addr_info, added] } : device;
  });
  const inner = sortOut(listing, HUB, NOW).own.tunnels.get("p0")?.inner;
  assert.deepEqual(inner, { ip: "172.28.0.0", peerIp: "172.28.0.1" });
});

Deno.test("sortOut() treats a listener as foreign when one of several marks says so", () => {
  const alias = "ipipou:p0:foreign-listener-10000";
  for (const name of ["p0", "p1"]) {
    const marked = (device: IpDevice) => device.ifname === name ? { ...device, ifalias: alias } : device;
    assert.ok(sortOut(hubWith(marked), HUB, NOW).foreign.listeners.has("192.0.2.1:10000"), name);
  }
});

Deno.test("sortOut() treats as foreign what a mark says is foreign", () => {
  const alias = "ipipou:p0:foreign-listener-10000:foreign-address";
  const marked = (device: IpDevice) => device.ifname === "p2" ? { ...device, ifalias: alias } : device;
  const { own, foreign } = sortOut(hubWith(marked), HUB, NOW);
  assert.ok(own.tunnels.has("p2"));
  assert.ok(foreign.listeners.has("172.29.0.2:10000") && foreign.addresses.has("172.29.0.2"));
  assert.ok(own.listeners.has("172.29.0.3:10000") && own.altAddresses.has("172.29.0.3"));
});

Deno.test("sortOut() treats a listener as foreign when the gate's mark says so", () => {
  const listing = hub();
  const tunnels = listing.devices.filter(({ ifalias }) => ifalias === undefined);
  const nft = listing.nft!.map((object) =>
    object.rule?.comment === undefined ? object : {
      rule: { ...object.rule, comment: object.rule.comment.replace(":p0 ", ":p0:foreign-listener-10000 ") },
    }
  );
  const { own, foreign } = sortOut({ ...listing, devices: tunnels, nft }, HUB, NOW);
  assert.equal(own.listeners.size, 0);
  assert.ok(foreign.listeners.has("192.0.2.1:10000"));
  assert.ok(sortOut({ ...listing, devices: tunnels }, HUB, NOW).own.listeners.has("192.0.2.1:10000"));
});

Deno.test("sortOut() takes an address for a private one of ours only if a mark says so", () => {
  const alias = (name: string) => name === "p2" ? "ipipou:p0:private-address" : "ipipou:p0";
  const marked = (device: IpDevice) =>
    device.ifalias === undefined ? device : { ...device, ifalias: alias(device.ifname) };
  const { own, foreign } = sortOut(hubWith(marked), HUB, NOW);
  assert.deepEqual([...own.altAddresses.keys()], ["172.29.0.2"]);
  assert.ok(foreign.addresses.has("172.29.0.3"));
});

Deno.test("sortOut() reads our routes, and foreign ones that ours would clash with", () => {
  const routes = [
    { dst: "10.1.0.0/16", dev: "p1", protocol: "201" },
    { dst: "10.2.0.0/16", dev: "p1", protocol: "static" },
    { dst: "10.3.0.0/16", dev: "eth0", protocol: "201" },
    { dst: "10.4.0.0/16", dev: "eth0", protocol: "static", metric: 100 },
    { dst: "10.5.0.0/16", dev: "eth0", protocol: "static", tos: "0x08" },
    { dst: "default", protocol: "static" },
  ];
  const { own, foreign } = sortOut({ ...hub(), routes }, HUB, NOW);
  assert.deepEqual(own.tunnels.get("p1")?.routes, ["10.1.0.0/16"]);
  assert.deepEqual(own.tunnels.get("p0")?.routes, []);
  assert.deepEqual(
    foreign.routes,
    new Map([["10.2.0.0/16", "p1"], ["10.3.0.0/16", "eth0"], ["default", ""]]),
  );
});

Deno.test("sortOut() finds an unused device group", () => {
  const { unusedGroup } = sortOut(hub(), HUB, NOW);
  const grouped = (device: IpDevice) =>
    device.ifname === "p2" ? { ...device, group: String(unusedGroup) } : device;
  assert.equal(sortOut(hubWith(grouped), HUB, NOW).unusedGroup, unusedGroup + 1);
  assert.notEqual(sortOut(hub(), { ...HUB, name: "p1" }, NOW).unusedGroup, unusedGroup);
});

Deno.test("sortOut() reads the allowed source addresses, and several ports of a gate", () => {
  const ports = { match: { left: { payload: { protocol: "udp", field: "dport" } }, right: { set: [1, 2] } } };
  const nft: ListedObject[] = [
    { chain: { name: "gate-p0" } },
    { rule: { chain: "gate-p0", comment: "ipipou:p0 192.0.2.1 0123456789ab.1", expr: [ports] } },
    { set: { name: "devices-p0", elem: ["p0", "p1"] } },
    {
      set: {
        name: "sources-p0",
        elem: [
          { concat: ["p0", { prefix: { addr: "10.0.0.0", len: 8 } }] },
          { concat: ["p1", "172.28.0.3"] },
        ],
      },
    },
  ];
  const { gate } = sortOut({ ...hub(), nft }, HUB, NOW).own;
  assert.deepEqual(gate?.devices, new Set(["p0", "p1"]));
  assert.deepEqual(gate?.sources, new Set(['"p0" . 10.0.0.0/8', '"p1" . 172.28.0.3']));
  assert.deepEqual([gate?.ports, gate?.fingerprint], [[1, 2], "0123456789ab.1"]);
});

Deno.test("sortOut() reads elements with comments, and ranges that others added", () => {
  const { gate } = sortOut({ ...hub(), nft: ADMIN_TABLE.nftables }, HUB, NOW).own;
  assert.deepEqual(gate?.addresses, new Set(["198.51.100.2", "198.51.100.3"]));
  assert.deepEqual(gate?.endpoints, new Set(["198.51.100.2 . 40000"]));
  assert.deepEqual(gate?.devices, new Set(["p0"]));
  assert.deepEqual(
    gate?.sources,
    new Set(['"p0" . 10.0.0.1-10.0.0.9', '"p1" . 10.1.0.0/16', '"p2" . 10.2.0.0/16']),
  );
  const [one, other] = [...gate!.remotes.values()];
  assert.deepEqual([one?.alt, one?.expiresAt], ["172.29.0.1", null]);
  assert.deepEqual([other?.alt, other?.expiresAt], [null, NOW + 299_000]);
  // No rule in it is ours.
  assert.deepEqual([gate?.fingerprint, gate?.ports], ["", []]);
});

Deno.test("sortOut() finds the gate's own first rule behind one that others put before it", () => {
  const { nft, ...listing } = hub();
  const port = {
    match: { left: { payload: { protocol: "udp", field: "dport" } }, right: { range: [1, 9] } },
  };
  const added = { rule: { chain: "gate-p0", handle: 99, comment: "mine", expr: [port] } };
  const { gate } = sortOut({ ...listing, nft: [added, ...nft] }, HUB, NOW).own;
  assert.deepEqual([gate?.mark, gate?.ip, gate?.ports], ["ipipou:p0", "192.0.2.1", [10_000]]);
  assert.equal(gate?.fingerprint, "", "and sees that there is one too many");
});

Deno.test("sortOut() takes a gate for damaged that has elements it cannot read", () => {
  const { nft, ...listing } = hub();
  const withElement = (name: string, element: unknown) =>
    nft.map((object) => {
      if (object.map?.name === name) {
        return { map: { ...object.map, elem: [...object.map.elem ?? [], element] } };
      }
      if (object.set?.name !== name) return object;
      return { set: { ...object.set, elem: [...object.set.elem ?? [], element] } };
    });
  const strange = [
    ["addresses-p0", { future: 1 }],
    ["addresses-p0", null],
    ["endpoints-p0", { concat: [] }],
    ["endpoints-p0", { concat: ["198.51.100.9", { set: [1] }] }],
    ["addresses-p0", "1.2.3.4 } ; flush ruleset"],
    ["remotes-p0", [{ concat: ["198.51.100.9", 1] }, { accept: null }]],
    ["remotes-p0", [{ concat: ["198.51.100.9", 0, 1] }, { accept: null }]],
    ["remotes-p0", null],
    ["locals-p0", [{ concat: ["198.51.100.2", 40_000, 10_000] }, { toString: 1 }]],
  ] as const;
  for (const [name, element] of strange) {
    const { gate } = sortOut({ ...listing, nft: withElement(name, element) }, HUB, NOW).own;
    assert.equal(gate?.fingerprint, "", JSON.stringify(element));
    assert.equal(gate?.remotes.size, 4);
  }
});

Deno.test("sortOut() ignores what lacks what every device, FOU port, route and object of a table has", () => {
  const strange = [null, 1, "x", [], {}, { ifname: 1 }, { ifindex: 7, ifname: "a\nb" }, { dst: "x y" }, {
    port: "1",
  }];
  const { devices, fou, routes, nft } = hub();
  const listing = {
    devices: [...strange, ...devices],
    fou: [...strange, ...fou],
    routes: [...strange, ...routes],
    nft: [...strange, ...nft, { rule: null }, { set: { elem: 1 } }, { chain: {} }],
  };
  assert.deepEqual(sortOut(listing, HUB, NOW), sortOut(hub(), HUB, NOW));
});

Deno.test("sortOut() reads a tunnel of ours without outer addresses", () => {
  const listing = hubWith((device) => {
    const info = {
      "info_kind": "ipip",
      "info_data": { encap: { type: "fou", sport: 10_000, dport: 1, csum: false } },
    };
    return device.ifname === "p0" ? { ...device, linkinfo: info } : device;
  });
  const { local, remote } = sortOut(listing, HUB, NOW).own.tunnels.get("p0")!;
  assert.deepEqual([local, remote], [{ ip: "any", port: 10_000 }, { ip: "any", port: 1 }]);
});
