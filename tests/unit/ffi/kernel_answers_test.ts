import assert from "node:assert/strict";
import { parseFamily, parseFou } from "../../../ffi/fou_messages.ts";
import { joinDevices, parseAddress, parseLink } from "../../../ffi/link_answers.ts";
import { type Message, messagesIn } from "../../../ffi/netlink_messages.ts";
import {
  parseChain,
  parseElements,
  parseGeneration,
  parseSet,
  parseTableUse,
} from "../../../ffi/nft_answers.ts";
import { parseRule } from "../../../ffi/nft_rules.ts";
import { parseFoundRoute, parseRoute } from "../../../ffi/route_answers.ts";
import * as samples from "./kernel_samples.ts";

/** What was read of each message that can be read. */
function all<T>(datagram: Uint8Array, parse: (message: Message) => T | null): T[] {
  return messagesIn(datagram).map((message) => parse(message!)).filter((item) => item !== null);
}

/** Without what is undefined. */
function defined(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** A copy with other bytes, at all places where these are. */
function changed(datagram: Uint8Array, from: string, to: string): Uint8Array {
  return Uint8Array.fromHex(datagram.toHex().replaceAll(from, to));
}

Deno.test("parseLink(), parseAddress() and joinDevices() read devices as ip lists them", () => {
  const devices = joinDevices(all(samples.LINKS, parseLink), all(samples.ADDRESSES, parseAddress));
  const address = (local: string, prefixlen: number, scope: string, more = {}) => ({
    ...{ local, prefixlen, scope, deprecated: false, tentative: false, dadfailed: false },
    ...more,
  });
  const outer = (remote: string) => ({ local: "192.0.2.1", remote });
  const usual = { altnames: [], flags: [], group: 0, "addr_info": [] };
  const [lo, eth0, p0, p1, g0, p2] = defined(devices) as unknown[];
  assert.deepEqual(lo, {
    ...{
      ...usual,
      ifindex: 1,
      ifname: "lo",
      flags: ["UP", "LOOPBACK"],
      mtu: 65_536,
      "link_type": "loopback",
    },
    "addr_info": [address("127.0.0.1", 8, "host"), address("172.29.0.8", 32, "host")],
  });
  assert.deepEqual(eth0, {
    ...{ ...usual, ifindex: 9, ifname: "eth0", flags: ["UP"], mtu: 1400, "link_type": "ether" },
    ...{ altnames: ["wan0", "a-long-alternative-name"], link: "if8", linkinfo: { "info_kind": "veth" } },
    "addr_info": [
      address("10.0.9.9", 32, "link", { address: "10.0.9.8" }),
      address("192.0.2.1", 24, "global"),
      address("10.0.8.1", 24, "global", { deprecated: true }),
      address("192.0.2.7", 24, "global"),
    ],
  });
  assert.deepEqual(p0, {
    ...{ ...usual, ifindex: 11, ifname: "p0", flags: ["UP"], mtu: 1372, "link_type": "ipip", link: "eth0" },
    ...{ ifalias: "ipipou:p0:private-address:mtu-1372", group: 77 },
    linkinfo: {
      "info_kind": "ipip",
      "info_data": {
        ...{ ...outer("198.51.100.2"), ttl: 64, tos: 0x20, pmtudisc: true, fwmark: 0, link: "eth0" },
        encap: { type: "fou", sport: 10_000, dport: 40_000, csum: true },
      },
    },
    "addr_info": [address("172.28.0.0", 32, "global", { address: "172.28.0.1" })],
  });
  assert.deepEqual(p1, {
    ...{ ...usual, ifindex: 12, ifname: "p1", mtu: 1468, "link_type": "ipip" },
    linkinfo: {
      "info_kind": "ipip",
      "info_data": {
        ...{ ...outer("198.51.100.3"), ttl: 0, tos: 0, pmtudisc: false, fwmark: 16 },
        encap: { type: "gue", sport: 0, dport: 40_001, csum: false },
      },
    },
  });
  assert.deepEqual(g0, {
    ...{ ...usual, ifindex: 13, ifname: "g0", mtu: 1468, "link_type": "gre" },
    linkinfo: {
      "info_kind": "gre",
      "info_data": {
        ...{ ...outer("198.51.100.4"), ttl: 0, tos: 0, pmtudisc: true, fwmark: 0 },
        encap: { type: "fou", sport: 10_009, dport: 5, csum: false },
      },
    },
  });
  assert.equal((p2 as { link: string }).link, "if15", "a device that is gone");
});

Deno.test("parseLink() ignores a device with a name that would break a command or message", () => {
  const attribute = (name: string) => `07000300${new TextEncoder().encode(`${name}\0`).toHex()}`;
  for (const name of ["p\n", "p:", "p/", "p ", "\x1b0"]) {
    const links = all(changed(samples.LINKS, attribute("p0"), attribute(name)), parseLink);
    const names = links.map(({ device: { ifname } }) => ifname);
    assert.deepEqual(names, ["lo", "eth0", "p1", "g0", "p2"], JSON.stringify(name));
  }
});

Deno.test("parseRoute() reads the routes of the main table, and none of another", () => {
  const routes = all(samples.ROUTES, parseRoute).map(({ route: { dst, protocol, metric, tos }, device }) =>
    [dst, protocol, device ?? 0, metric ?? 0, tos ?? 0] as const
  );
  assert.deepEqual(routes, [
    ["0.0.0.0/1", 3, 9, 0, 0],
    ["default", 3, 9, 0, 0],
    ["10.0.8.0/24", 2, 9, 0, 0],
    ["10.0.9.8", 2, 9, 0, 0],
    ["10.1.0.0/16", 201, 11, 0, 0],
    ["10.2.0.0/16", 3, 9, 0, 8],
    ["10.2.0.0/16", 3, 9, 7, 0],
    ["10.4.0.1", 4, 9, 0, 0],
    ["10.6.0.0/16", 3, 0, 0, 0],
    ["10.7.0.0/16", 3, 0, 0, 0],
    ["172.28.0.1", 2, 11, 0, 0],
    ["192.0.2.0/24", 2, 9, 0, 0],
  ]);
  // RTA_TABLE: 255 instead of 254.
  assert.deepEqual(all(changed(samples.ROUTES, "08000f00fe000000", "08000f00ff000000"), parseRoute), []);
});

Deno.test("parseFoundRoute() reads where a route leads, unless that is nowhere", () => {
  const routes = all(samples.ROUTES, parseFoundRoute);
  assert.deepEqual(routes.slice(3, 5), [
    { isLocal: false, network: "10.0.9.8", device: 9 },
    { isLocal: false, network: "10.1.0.0/16", device: 11 },
  ]);
  assert.ok(!routes.some(({ network }) => ["10.6.0.0/16", "10.7.0.0/16"].includes(network)));
});

Deno.test("parseFamily() and parseFou() read FOU ports of all kinds", () => {
  assert.deepEqual(all(samples.FOU_FAMILY, parseFamily), [24]);
  const usual = { family: "inet", ipproto: 4 };
  assert.deepEqual(defined(all(samples.FOU_PORTS, parseFou)), [
    { fou: { ...usual, port: 10_006, local: "192.0.2.1", peer: "192.0.2.9", "peer_port": 99 } },
    { fou: { ...usual, port: 10_005, local: "192.0.2.1" }, device: 9 },
    { fou: { ...usual, port: 10_004, family: "inet6" } },
    { fou: { ...usual, port: 10_003, ipproto: 47, local: "192.0.2.7" } },
    { fou: { port: 10_002, family: "inet" } },
    { fou: { ...usual, port: 10_001 } },
    { fou: { ...usual, port: 10_000, local: "192.0.2.1" } },
  ]);
});

Deno.test("parseTableUse(), parseChain() and parseGeneration() read what is in a table", () => {
  assert.deepEqual(all(samples.TABLE, parseTableUse), [12]);
  assert.deepEqual(all(samples.CHAINS, (message) => parseChain(message, "ipipou")), [
    ...["gate-p0", "fou-p0", "empty", "nat-prerouting", "nat-postrouting"],
  ]);
  assert.deepEqual(all(samples.CHAINS, (message) => parseChain(message, "other")), ["mine"]);
  assert.equal(all(samples.GENERATION, parseGeneration).length, 1);
});

Deno.test("parseRule() reads comments, handles, and what matters of matches and statements", () => {
  const rules = all(samples.RULES, parseRule);
  const words = rules.map(({ rule: { chain, handle, comment, expressions }, bySet }) => [
    ...[`${chain} ${handle}`, comment],
    ...expressions.map(({ name, value }) => `${name} ${value}`),
    ...bySet.map(({ name, set }) => `${name} @${set}`),
  ]);
  assert.deepEqual(words, [
    ["gate-p0 12", "ipipou:p0 192.0.2.1 0123456789ab.5", "ip daddr 192.0.2.1", "udp dport @__set0"],
    ["gate-p0 13", "two", "ip saddr 198.51.100.2", "ip daddr 192.0.2.1", "udp dport 10000"],
    ["gate-p0 14", "", "ip saddr 198.51.100.2", "udp sport 4444", "udp dport 10001", "queue 7"],
    // A map by three fields, a mask, and a limit.
    ["fou-p0 15", ""],
    ["fou-p0 16", ""],
    ["fou-p0 17", ""],
    [
      ...["nat-prerouting 19", "", "ip daddr 192.0.2.1", "ip saddr 198.51.100.2"],
      ...["udp sport 4444", "udp dport 10000", "dnat 172.29.0.1"],
    ],
    ["nat-postrouting 21", "", "ip saddr 172.29.0.1", "udp sport 10000", "snat 192.0.2.1"],
  ]);
});

Deno.test("parseRule() takes no port of TCP for one of UDP", () => {
  // The data of a comparison with IPPROTO_UDP, now IPPROTO_TCP.
  const tcp = all(changed(samples.RULES, "0500010011000000", "0500010006000000"), parseRule);
  for (const { rule: { expressions }, bySet } of tcp) {
    assert.ok(![...expressions, ...bySet].some(({ name }) => name.startsWith("udp")));
  }
});

Deno.test("parseSet() and parseElements() read elements as nft prints them, also ranges, timeouts and verdicts", () => {
  const sets = all(samples.SETS, parseSet);
  const elementsOf = (name: string, datagram: Uint8Array) => {
    const set = sets.find((set) => set.name === name)!;
    return all(datagram, (message) => parseElements(message, set)).flat()
      .map((element) => element && [element.key.join(" . "), element.data, element.expires] as const);
  };
  assert.deepEqual(sets.filter(({ isAnonymous }) => isAnonymous).map(({ name }) => name), ["__set0"]);
  const place = "type ipv4_addr . inet_service . inet_service";
  const types = new Map(sets.map(({ name, type }) => [name, type]));
  assert.equal(types.get("remotes-p0"), `${place} : verdict; flags timeout;`);
  assert.equal(types.get("locals-p0"), `${place} : ipv4_addr; flags timeout;`);
  assert.equal(types.get("addresses-p0"), "type ipv4_addr;");
  assert.equal(types.get("devices-p0"), "type ifname;");
  assert.equal(types.get("sources-p0"), "type ifname . ipv4_addr; flags interval;");
  const sorted = (name: string, datagram: Uint8Array) =>
    elementsOf(name, datagram).sort().map((element) => element?.slice(0, 2));
  assert.deepEqual(sorted("remotes-p0", samples.ELEMENTS_REMOTES), [
    ["198.51.100.2 . 40000 . 10000", "accept"],
    ["198.51.100.3 . 40001 . 10000", "accept"],
    ["198.51.100.4 . 1 . 2", null],
    ["198.51.100.5 . 1 . 2", "drop"],
  ]);
  const times = elementsOf("remotes-p0", samples.ELEMENTS_REMOTES).map((element) => element![2]);
  const [expires] = times.filter((time) => time !== null);
  assert.deepEqual([times.length, expires! > 290 && expires! <= 300], [4, true]);
  assert.deepEqual(sorted("locals-p0", samples.ELEMENTS_LOCALS), [[
    "198.51.100.2 . 40000 . 10000",
    "172.29.0.8",
  ]]);
  assert.deepEqual(sorted("addresses-p0", samples.ELEMENTS_ADDRESSES), [
    ["198.51.100.2", null],
    ["198.51.100.3", null],
  ]);
  assert.deepEqual(sorted("devices-p0", samples.ELEMENTS_DEVICES), [["a-15-char-name1", null], ["p0", null]]);
  assert.deepEqual(sorted("__set0", samples.ELEMENTS_SET0), [["10000", null], ["10001", null]]);
  assert.deepEqual(sorted("sources-p0", samples.ELEMENTS_SOURCES), [
    ["p0 . 10.0.0.0/8", null],
    ["p1 . 172.28.0.1", null],
    ["p2 . 10.0.0.1-10.0.0.9", null],
    ["p3 . 0.0.0.0/0", null],
  ]);
  // As a set of other types: nothing of it can be read.
  assert.deepEqual(elementsOf("endpoints-p0", samples.ELEMENTS_ADDRESSES), [null, null]);
});

Deno.test("parseSet(), parseElements() and parseRule() read hints, of 32 and 16 bits, and the rule that looks for them", () => {
  const [hints, hinted] = all(samples.HINT_SETS, parseSet);
  assert.deepEqual([hints?.name, hinted?.name], ["hints-p0", "hinted-p0"]);
  const keysIn = (datagram: Uint8Array) =>
    all(datagram, (message) => parseElements(message, hints!)).flat()
      .map((element) => element && element.key.join(" . "));
  assert.deepEqual(keysIn(samples.ELEMENTS_HINTS), ["4294967295 . 65535", "7123456 . 513", "0 . 1"]);
  // Of more than 16 bits, it is none.
  assert.deepEqual(keysIn(changed(samples.ELEMENTS_HINTS, "02010000", "02010001")), [
    ...["4294967295 . 65535", null, "0 . 1"],
  ]);
  const rules = all(samples.HINT_RULE, parseRule).map(({ rule: { chain, expressions }, bySet }) => ({
    ...{ chain, expressions, bySet },
  }));
  assert.deepEqual(rules, [{ chain: "auth-p0", expressions: [{ name: "queue", value: 7 }], bySet: [] }]);
});
