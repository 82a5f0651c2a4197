// Reads a real kernel in a network namespace, and compares with what ip and nft print. Needs root: the lab, or a
// disposable machine.
import assert from "node:assert/strict";
import { NetlinkReader } from "../../ffi/kernel_reader.ts";
import type { KernelReader } from "../../lib/kernel_ports.ts";
import { must, run } from "../../tools/command.ts";
import { readListing } from "../read_listing.ts";
import { enter } from "./link.ts";
import { loadModules } from "./modules.ts";

const NAMESPACE = "reader";
const WITHIN = ["ip", "netns", "exec", NAMESPACE];

async function ip(...lines: readonly string[]): Promise<void> {
  await must(["ip", "-netns", NAMESPACE, "-batch", "-"], {
    stdin: lines.map((line) => `${line}\n`).join(""),
  });
}

/** For what not every kernel has. */
async function ipIfPossible(...lines: readonly string[]): Promise<void> {
  for (const line of lines) await run(["ip", "-netns", NAMESPACE, ...line.split(" ")]);
}

async function nft(text: string): Promise<void> {
  await must([...WITHIN, "nft", "-f", "-"], { stdin: text });
}

/** Reads in the namespace. */
function read<T>(work: (reader: KernelReader) => T): T {
  using _ = enter(NAMESPACE);
  using reader = new NetlinkReader();
  return work(reader);
}

/** What `ip` and `nft` print. */
async function printed(): Promise<ReturnType<typeof readListing>> {
  const list = async (...words: readonly string[]) =>
    JSON.parse(await must(["ip", "-netns", NAMESPACE, "-json", "-details", ...words]));
  const { code, stdout } = await run([...WITHIN, "nft", "-j", "list", "table", "ip", "ipipou"]);
  return readListing({
    devices: await list("address", "show"),
    fou: await list("fou", "show"),
    routes: await list("route", "show"),
    nft: code === 0 ? JSON.parse(stdout).nftables : [],
  });
}

/** Without what is undefined; the elements of sets in order, and without the time that each has left. */
function comparable({ nft, ...lists }: ReturnType<typeof readListing>): unknown {
  const sets = nft!.sets.map(({ name, type, elements, isUnclear }) => ({
    name,
    type,
    isUnclear,
    elements: elements.map(({ key, data, expires }) => [key.join(" . "), data, expires !== null].join(" "))
      .sort(),
  }));
  const sorted = sets.sort((a, b) => a.name < b.name ? -1 : 1);
  return JSON.parse(JSON.stringify({ ...lists, nft: { ...nft, sets: sorted } }));
}

function readAll(): ReturnType<typeof readListing> {
  return read((reader) => ({
    ...reader.lists({ routes: true }),
    fou: reader.fouPorts() ?? [],
    nft: reader.table("ipipou", () => true),
  }));
}

Deno.test.beforeEach(async () => {
  await loadModules();
  await must(["ip", "netns", "add", NAMESPACE]);
  await ip(
    "link set dev lo up",
    "link add name eth0 type veth peer name far",
    "link set dev eth0 up",
    "link set dev far up",
    "address add 192.0.2.1/24 dev eth0",
  );
});
Deno.test.afterEach(async () => {
  await must(["ip", "netns", "delete", NAMESPACE]);
});

const DEVICES = [
  "link property add dev eth0 altname wan0 altname a-long-alternative-name",
  "link set dev eth0 mtu 1400 alias uplink",
  "address add 192.0.2.7/24 dev eth0",
  "address add 10.0.9.9 peer 10.0.9.8 dev eth0 scope link",
  "address add 10.0.8.1/24 dev eth0 valid_lft 1000 preferred_lft 0",
  "address add 172.29.0.8/32 dev lo scope host",
  "link add name br0 type bridge",
  "link set dev far master br0",
  "link add name p0 type ipip remote 198.51.100.2 local 192.0.2.1 ttl 64 tos 0x20 pmtudisc " +
  "encap fou encap-sport 10000 encap-dport 40000 encap-csum dev eth0",
  "link set dev p0 alias ipipou:p0:private-address:mtu-1372 group 77 up",
  "address add 172.28.0.0 peer 172.28.0.1 dev p0",
  "link add name p1 type ipip remote 198.51.100.3 local 192.0.2.1 ttl inherit nopmtudisc fwmark 0x10 " +
  "encap gue encap-sport auto encap-dport 40001",
  "link add name gone0 type veth peer name gone1",
  "link add name p2 type ipip remote 198.51.100.5 local 192.0.2.1 encap fou encap-sport 1 encap-dport 2 dev gone0",
  "link delete dev gone0",
  "link add name p3 type ipip remote any local 192.0.2.7 tos inherit",
];
const OPTIONAL_DEVICES = [
  "link add name g0 type gre remote 198.51.100.4 local 192.0.2.1 encap fou encap-sport 10009 encap-dport 5",
  "link add name s0 type sit remote 198.51.100.4 local 192.0.2.1",
  "link add name vrf0 type vrf table 77",
  "link set dev vrf0 up",
  "link add name d0 type veth peer name d1",
  "link set dev d0 master vrf0 up",
  "address add 10.3.0.1/24 dev d0",
];
const FOU = [
  "fou add port 10000 ipproto 4 local 192.0.2.1",
  "fou add port 10001 ipproto 4",
  "fou add port 10002 gue",
  "fou add port 10003 ipproto 47 local 192.0.2.7",
  "fou add port 10005 ipproto 4 local 192.0.2.1 dev eth0",
  "fou add port 10006 ipproto 4 local 192.0.2.1 peer 192.0.2.9 peer_port 99",
];
const ROUTES = [
  "route add default via 192.0.2.254",
  "route add 0.0.0.0/1 dev eth0",
  "route add 10.1.0.0/16 dev p0 proto 201",
  "route add 10.2.0.0/16 dev eth0 metric 7",
  "route add 10.2.0.0/16 dev eth0 tos 0x08",
  "route add 10.4.0.1 dev eth0 proto static mtu 1300",
  "route add 10.5.0.0/16 via 192.0.2.3 table 99",
  "route add blackhole 10.6.0.0/16",
  "route add unreachable 10.7.0.0/16 metric 9",
];
const KEY = "ipv4_addr . inet_service . inet_service";
const TABLES = `
table ip ipipou {
  map remotes-p0 { type ${KEY} : verdict; flags timeout; elements = {
    198.51.100.2 . 40000 . 10000 : accept, 198.51.100.3 . 40001 . 10000 timeout 1h : accept,
    198.51.100.4 . 1 . 2 : goto empty, 198.51.100.5 . 1 . 2 : drop } }
  map locals-p0 { type ${KEY} : ipv4_addr; flags timeout; elements = { 198.51.100.2 . 40000 . 10000 : 172.29.0.8 } }
  set addresses-p0 { type ipv4_addr; elements = { 198.51.100.2, 198.51.100.3 comment "x" } }
  set endpoints-p0 { type ipv4_addr . inet_service; elements = { 198.51.100.2 . 40000 } }
  set devices-p0 { type ifname; elements = { "p0", "a-15-char-name1" } }
  set ports-p0 { type inet_service; elements = { 1, 65535 } }
  set sources-p0 { type ifname . ipv4_addr; flags interval; elements = {
    "p0" . 10.0.0.0/8, "p1" . 172.28.0.1, "p2" . 10.0.0.1-10.0.0.9, "p3" . 0.0.0.0/0 } }
  set hints-p0 { typeof @th,576,32 . @th,632,16; elements = {
    7123456 . 513, 4294967295 . 65535, 0 . 1, 16777216 . 0 } }
  set limits-p0 { type ipv4_addr; size 65535; flags dynamic,timeout; timeout 1m; }
  chain empty { }
  chain gate-p0 {
    type filter hook prerouting priority -150; policy accept;
    ip daddr 192.0.2.1 udp dport { 10000, 10001 } jump fou-p0 comment "ipipou:p0 192.0.2.1 0123456789ab.5"
    ip saddr 198.51.100.2 ip daddr 192.0.2.1 udp dport 10000 udp sport != 40000 counter drop comment "two"
    ip saddr 198.51.100.2 udp sport 4444 udp dport 10001 counter queue num 7 bypass
  }
  chain fou-p0 {
    ip saddr . udp sport . udp dport vmap @remotes-p0
    tcp dport 10000 drop
    ip daddr 10.0.0.0/9 ip protocol 4 drop
    @th,576,32 . @th,632,16 @hints-p0 limit rate 5/second counter queue num 7
    update @limits-p0 { ip saddr limit rate over 5/second burst 20 packets } counter drop
  }
}
table ip6 ipipou {
  chain gate-p0 { }
}
table ip other {
  set remotes-p0 { type ipv4_addr; elements = { 1.2.3.4 } }
  chain mine { }
}
`;
/** As version 0.1 made them. */
const OLD_RULES = `
add chain ip ipipou nat-prerouting { type nat hook prerouting priority -100; }
add chain ip ipipou nat-postrouting { type nat hook postrouting priority 100; }
add rule ip ipipou nat-prerouting ip daddr 192.0.2.1 udp dport 10000 ip saddr 198.51.100.2 udp sport 4444 counter dnat to 172.29.0.1
add rule ip ipipou nat-postrouting oifname "eth0" ip saddr 172.29.0.1 udp sport 10000 snat to 192.0.2.1
`;

Deno.test("the reader lists a network namespace as ip and nft do", async () => {
  assert.deepEqual(comparable(readAll()), comparable(await printed()));
  assert.deepEqual(read((reader) => reader.table("ipipou", () => true)), {
    ...{ exists: false, isEmpty: false, chains: [], rules: [], sets: [] },
  });
  await ip(...DEVICES, ...FOU, ...ROUTES);
  await ipIfPossible(...OPTIONAL_DEVICES, "-6 fou add port 10004 ipproto 4");
  await ipIfPossible("route add 10.8.0.0/16 nexthop via 192.0.2.4 nexthop via 192.0.2.5");
  await nft(TABLES);
  await nft(OLD_RULES);
  const found = readAll();
  assert.deepEqual(comparable(found), comparable(await printed()));
  assert.ok(found.fou.length >= FOU.length && found.devices.length >= 8);
  const lives = found.nft!.sets.flatMap(({ elements }) => elements.flatMap(({ expires }) => expires ?? []));
  assert.ok(lives.length === 1 && lives[0]! > 3_000 && lives[0]! <= 3_600, `${lives}`);
});

Deno.test("the reader lists the elements of those sets alone that it is asked for, and says when a table is empty", async () => {
  await nft(TABLES);
  const table = read((reader) => reader.table("ipipou", (set) => set === "addresses-p0"));
  const withElements = table!.sets.filter(({ elements }) => elements.length > 0);
  assert.deepEqual(withElements.map(({ name }) => name), ["addresses-p0"]);
  assert.equal(table!.isEmpty, false);
  for (
    const object of ["", "chain ip ipipou x", "set ip ipipou x { type ipv4_addr; }", "counter ip ipipou x"]
  ) {
    await nft(`delete table ip ipipou\nadd table ip ipipou\n${object && `add ${object}`}\n`);
    assert.equal(read((reader) => reader.table("ipipou", () => true))!.isEmpty, object === "", object);
  }
});

Deno.test("the reader lists 1,000 devices, 5,000 routes and 1,000 elements, all of them", async () => {
  const numbers = Array.from({ length: 1_000 }, (_, index) => index);
  const part = (index: number) => `${index >> 8}.${index & 255}`;
  await ip(
    ...numbers.map((index) =>
      `link add name d${index} type ipip remote 198.18.${part(index)} local 192.0.2.1`
    ),
  );
  await ip(
    ...numbers.map((index) => `address add 10.9.${part(index)}/32 dev d${index}`),
    ...Array.from(
      { length: 5_000 },
      (_, index) => `route add 10.${64 + (index >> 8)}.${index & 255}.0/24 dev eth0`,
    ),
  );
  const elements = numbers.map((index) => `198.18.${part(index)}`).join(", ");
  await nft(
    `add table ip ipipou\nadd set ip ipipou x { type ipv4_addr; }\nadd element ip ipipou x { ${elements} }\n`,
  );
  const { devices, routes, nft: table } = readAll();
  const ours = devices.filter(({ ifname }) => /^d\d+$/.test(ifname));
  assert.equal(new Set(ours.map(({ ifname }) => ifname)).size, 1_000);
  assert.ok(ours.every((device) => device.addr_info.length === 1));
  assert.equal(new Set(routes.map(({ dst }) => dst).filter((dst) => dst.endsWith(".0/24"))).size, 5_001);
  assert.equal(table!.sets[0]!.elements.length, 1_000);
});

Deno.test("the reader lists a table of many elements while others change another one all the time", async () => {
  const elements = Array.from({ length: 4_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  await nft(`add table ip ipipou; add set ip ipipou many { type ipv4_addr; }
    add element ip ipipou many { ${elements.join(", ")} }
    add table ip other; add set ip other s { type ipv4_addr; }`);
  const change = 'echo "add element ip other s { 192.0.2.1 }"; echo "flush set ip other s"';
  const changes = `(while ${change}; do :; done | ip netns exec ${NAMESPACE} nft -i)`;
  await using _writer = new Deno.Command("setsid", {
    args: ["sh", "-c", `trap 'kill 0' TERM; ${changes} & wait`],
    stdout: "null",
    stderr: "null",
  }).spawn();
  for (let looks = 0; looks < 10; looks++) {
    const { sets } = read((reader) => reader.table("ipipou", () => true))!;
    assert.equal(new Set(sets.flatMap(({ elements }) => elements.map(({ key }) => key[0]))).size, 4_000);
  }
});
