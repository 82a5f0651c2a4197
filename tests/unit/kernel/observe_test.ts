import assert from "node:assert/strict";
import { identityOf } from "../../../lib/kernel/identity.ts";
import { sampleSettings } from "../samples.ts";
import type { PrintedDevice } from "../fake/listed.ts";
import { withListeners } from "../../../lib/kernel/observe.ts";
import { readFou } from "../../read_listing.ts";
import { HUB, hub, hubWith, ipListing, NOW, sortOut } from "./observe_scene.ts";

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
  assert.deepEqual(withListeners(found, readFou(listing.fou), identity), found);
  assert.equal(found.foreign.routes.get("10.9.0.0/16"), "wan0");
  for (const name of ["eth0", "wan0", "enp1s0"]) assert.ok(found.foreign.devices.has(name), name);
  assert.deepEqual(sortOut(named, { ...HUB, outer: "eth0" }, NOW).own, usual.own);
});

Deno.test("sortOut() keeps the kernel's order of addresses", () => {
  const { hostAddresses } = sortOut(hub(), HUB, NOW);
  assert.deepEqual(hostAddresses.get("eth0"), ["192.0.2.1", "172.29.0.2", "172.29.0.3", "192.0.2.77"]);
  assert.deepEqual(hostAddresses.get("p0"), ["172.28.0.0"]);
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
      withListeners(found, readFou(listing.fou), { made: new Set() }).own.listeners,
      found.own.listeners,
    );
  }
});

Deno.test("sortOut() takes over an unmarked FOU device of our name and port, but not its listener", () => {
  const unmarked = (device: PrintedDevice) => {
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
  const marked = (device: PrintedDevice) =>
    device.ifname === "p2" ? { ...device, ifalias: "uplink" } : device;
  const { own, foreign } = sortOut(hubWith(marked), HUB, NOW);
  assert.equal(own.tunnels.has("p2"), false);
  assert.equal(foreign.devices.get("p2"), "ipip");
});

Deno.test("sortOut() takes over a device of our name without FOU only if it is marked as ours", () => {
  for (const alias of ["ipipou:p0", undefined]) {
    const listing = hubWith((device) => {
      const { ifalias: _, linkinfo, ...rest } = device;
      if (device.ifname !== "p2") return device;
      const info = linkinfo?.info_data;
      const gue = { ...linkinfo, "info_data": { ...info, encap: { ...info!.encap!, type: "gue" } } };
      return { ...rest, linkinfo: gue, ...(alias === undefined ? {} : { ifalias: alias }) };
    });
    const { own, foreign } = sortOut(listing, HUB, NOW);
    assert.equal(own.tunnels.has("p2"), alias !== undefined);
    assert.equal(foreign.pairs.has("172.29.0.2 198.51.100.2"), alias === undefined);
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
    const marked = (device: PrintedDevice) => device.ifname === name ? { ...device, ifalias: alias } : device;
    assert.ok(sortOut(hubWith(marked), HUB, NOW).foreign.listeners.has("192.0.2.1:10000"), name);
  }
});

Deno.test("sortOut() treats as foreign what a mark says is foreign", () => {
  const alias = "ipipou:p0:foreign-listener-10000:foreign-address";
  const marked = (device: PrintedDevice) => device.ifname === "p2" ? { ...device, ifalias: alias } : device;
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
  const marked = (device: PrintedDevice) =>
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
  const grouped = (device: PrintedDevice) =>
    device.ifname === "p2" ? { ...device, group: String(unusedGroup) } : device;
  assert.equal(sortOut(hubWith(grouped), HUB, NOW).unusedGroup, unusedGroup + 1);
  assert.notEqual(sortOut(hub(), { ...HUB, name: "p1" }, NOW).unusedGroup, unusedGroup);
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
