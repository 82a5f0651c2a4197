// Asks a real kernel for routes and rules in a network namespace. Needs root: the lab, or a disposable machine.
import assert from "node:assert/strict";
import { constants } from "node:os";
import { NETLINK, openNetlink } from "../../ffi/descriptors.ts";
import { NetlinkWriter } from "../../ffi/kernel_writer.ts";
import { Libc } from "../../ffi/libc.ts";
import { linkRequest } from "../../ffi/netlink_requests.ts";
import { NetlinkRoutes } from "../../ffi/netlink_routes.ts";
import { must } from "../../tools/command.ts";
import type { RouteQuery } from "../../lib/kernel_ports.ts";
import { enter, FAR, makeLink, NEAR, removeLink } from "./link.ts";

const FARTHER = "203.0.113.1";

async function ip(...commands: readonly string[]): Promise<void> {
  await must(["ip", "-netns", NEAR.namespace, "-batch", "-"], {
    stdin: commands.map((line) => `${line}\n`).join(""),
  });
}

/** Asks in NEAR. */
function openRoutes(): NetlinkRoutes {
  using _ = enter(NEAR.namespace);
  return new NetlinkRoutes();
}

/** @returns the source address; "none" for no route */
function sourceTo(destination: string, query: Partial<RouteQuery> = {}): string {
  using routes = openRoutes();
  return routes.findSource({ destination, device: null, mark: 0, ...query }) ?? "none";
}

function hasRoute(destination: string, source: string, device: string | null): boolean {
  using routes = openRoutes();
  const index = device === null ? null : routes.findIndex(device)!;
  return routes.hasRoute({ destination, source, device: index, mark: 0 });
}

Deno.test.beforeEach(makeLink);
Deno.test.afterEach(removeLink);

Deno.test("findWays() returns the device of a route and the MTU that the route has, not one learned of the path", async () => {
  await ip("link add name other type dummy", "link set dev other up", "address add 10.8.0.1/24 dev other");
  const listed = JSON.parse(await must(["ip", "-netns", NEAR.namespace, "-json", "link"]));
  const indexOf = (name: string): number =>
    listed.find(({ ifname }: { ifname: string }) => ifname === name).ifindex;
  const [near, other] = [indexOf(NEAR.device), indexOf("other")];
  using routes = openRoutes();
  const find = (to: string, device: number | null = null) => {
    const [way] = routes.findWays([to], NEAR.ip, device, 0);
    // Together with others, and more than are asked for at once.
    const many = routes.findWays([FAR.ip, to, ...Array(200).fill("198.51.100.250"), to], NEAR.ip, device, 0);
    assert.deepEqual([many.length, many[1], many[202]], [203, way, way]);
    return way;
  };
  assert.deepEqual(find(FAR.ip), { index: near, mtu: null, isListed: true });
  assert.equal(find("198.51.100.1"), null, "no route");
  await ip(
    `route add 198.51.100.0/24 via ${FAR.ip} mtu 1400`,
    `route add 198.51.100.9 dev other`,
    `route add default via ${FAR.ip}`,
    `route add 203.0.113.0/24 via ${FAR.ip} table 77`,
    `rule add from ${NEAR.ip} to 203.0.113.0/24 table 77`,
    `route change 203.0.113.0/24 via ${FAR.ip} mtu 1300 table 77`,
  );
  assert.deepEqual(find("198.51.100.1"), { index: near, mtu: 1400, isListed: true });
  assert.deepEqual(find("198.51.100.9"), { index: other, mtu: null, isListed: true });
  assert.deepEqual(find("192.0.2.1"), { index: near, mtu: null, isListed: true });
  assert.deepEqual(
    find("198.51.100.1", other),
    { index: other, mtu: null, isListed: false },
    "bound to a device: a neighbour there",
  );
  assert.deepEqual(
    find("203.0.113.1"),
    { index: near, mtu: 1300, isListed: true },
    "by a rule for the own address",
  );
  // Another host says that its way on is narrower: the kernel remembers that for the destination.
  await must(["ip", "netns", "exec", FAR.namespace, "sh", "-ec", NARROW]);
  await must([
    "ip",
    "netns",
    "exec",
    NEAR.namespace,
    "sh",
    "-c",
    "ping -c1 -W1 -s1400 -Mdo 192.0.2.1 || true",
  ]);
  const learned = await must(["ip", "-netns", NEAR.namespace, "route", "get", "192.0.2.1", "from", NEAR.ip]);
  assert.match(learned, /mtu 1280/);
  assert.deepEqual(find("192.0.2.1"), { index: near, mtu: null, isListed: true });
  // Of a route with several next hops its table names no device.
  await ip(`route add 192.0.3.0/24 mtu 1350 nexthop via ${FAR.ip} nexthop dev other`);
  const { index, ...way } = find("192.0.3.1")!;
  assert.deepEqual([near, other].includes(index), true);
  assert.deepEqual(way, { mtu: 1350, isListed: true });
});

Deno.test("findWays() gets on with the little room for answers that a host may give its sockets", () => {
  const path = "/proc/sys/net/core/rmem_default";
  const usual = Deno.readTextFileSync(path);
  Deno.writeTextFileSync(path, "16384");
  using routes = openRoutes();
  Deno.writeTextFileSync(path, usual);
  const far = Array.from({ length: 200 }, (_, index) => `10.9.0.${2 + index}`);
  const ways = routes.findWays(far, NEAR.ip, null, 0);
  assert.deepEqual([ways.length, ways.includes(null)], [200, false]);
});

/** Makes the far end a router with a narrow device behind it. */
const NARROW = `echo 1 > /proc/sys/net/ipv4/ip_forward
ip link add name narrow type dummy
ip link set dev narrow mtu 1280 up
ip address add 192.0.2.254/24 dev narrow`;

Deno.test("findSource() and hasRoute() tell how the kernel would send, by device, own address and mark", async () => {
  const { device } = NEAR;
  assert.equal(sourceTo(FAR.ip), NEAR.ip);
  assert.equal(sourceTo(FAR.ip, { device }), NEAR.ip);
  assert.equal(sourceTo(FARTHER), "none");
  assert.equal(sourceTo(FARTHER, { device }), "none", "it is no neighbour");
  assert.equal(sourceTo(FAR.ip, { device: "none0" }), "none");
  assert.equal(hasRoute(FAR.ip, NEAR.ip, null), true);
  assert.equal(hasRoute(FAR.ip, NEAR.ip, device), true);
  assert.equal(hasRoute(FAR.ip, "10.9.0.99", null), false);
  assert.equal(hasRoute(FAR.ip, "10.9.0.99", device), false);
  await ip(
    `address add 10.9.7.1/32 dev ${device}`,
    `route add default via ${FAR.ip} dev ${device} table 102 src 10.9.7.1`,
    "rule add fwmark 0x66 lookup 102",
  );
  assert.equal(sourceTo(FARTHER, { device }), "none");
  assert.equal(sourceTo(FARTHER, { device, mark: 0x66 }), "10.9.7.1");
  assert.equal(sourceTo(FARTHER, { mark: 0x66 }), "10.9.7.1");
  assert.equal(hasRoute(FARTHER, NEAR.ip, device), false);
  await ip(`rule add from ${NEAR.ip} lookup 102`);
  assert.equal(hasRoute(FARTHER, NEAR.ip, device), true);
  await ip("route replace unreachable default table 102");
  assert.equal(hasRoute(FARTHER, NEAR.ip, device), false);
});

Deno.test("hasRoute() knows no route by a device that is gone, whatever has its name", async () => {
  const { device } = NEAR;
  using routes = openRoutes();
  assert.equal(routes.findIndex("none0"), null);
  await ip("link add other type dummy", "address add 10.9.6.1/24 dev other", "link set other up");
  const query = { destination: "10.9.6.2", source: "10.9.6.1", device: routes.findIndex("other"), mark: 0 };
  assert.equal(routes.hasRoute(query), true);
  await ip("link del other", "link add other type dummy", "address add 10.9.6.1/24 dev other");
  await ip("link set other up");
  assert.equal(routes.hasRoute(query), false);
  assert.equal(routes.hasRoute({ ...query, device: routes.findIndex(device) }), false);
});

Deno.test("every host is reachable by a device without neighbours", async () => {
  await ip(
    `link add p0 type ipip remote ${FAR.ip} local ${NEAR.ip}`,
    "address add 10.9.8.1/32 dev p0",
    "link set p0 up",
  );
  assert.equal(sourceTo(FARTHER, { device: "p0" }), "10.9.8.1");
  assert.equal(hasRoute(FARTHER, "10.9.8.1", "p0"), true);
});

Deno.test("hasRuleForMark() tells whether routing rules ask for a mark, with and without a mask", async () => {
  using routes = openRoutes();
  const has = (...marks: readonly number[]) => marks.map((mark) => routes.hasRuleForMark(mark));
  await ip("rule add not fwmark 0x71 lookup 102", "rule add to 10.9.203.1 lookup 102");
  assert.deepEqual(has(0x70, 0x71, 0x72), [false, false, false]);
  await ip("rule add fwmark 0x70 lookup 102", "rule add fwmark 0x8000/0xf000 lookup 102");
  assert.deepEqual(has(0x70, 0x71, 0x8000, 0x8070, 0x9000), [true, false, true, true, false]);
});

Deno.test("hasRuleFor() tells whether routing rules ask for a source address, among many", async () => {
  using routes = openRoutes();
  const has = (source: string) => routes.hasRuleFor(source);
  assert.equal(has("10.9.200.77"), false);
  await ip("rule add from 10.9.200.64/26 lookup 102", "rule add to 10.9.201.1 lookup 102");
  assert.deepEqual(["10.9.200.63", "10.9.200.64", "10.9.200.127", "10.9.200.128", "10.9.201.1"].map(has), [
    ...[false, true, true, false, false],
  ]);
  const others = Array.from(
    { length: 700 },
    (_, index) => `rule add to 10.8.${index >> 8}.${index & 255} lookup 102`,
  );
  await ip(...others, "rule add from 10.9.202.1 lookup 102");
  assert.deepEqual(["10.9.202.1", "10.9.202.2"].map(has), [true, false]);
  assert.equal(
    routes.findSource({ destination: FAR.ip, device: null, mark: 0 }),
    NEAR.ip,
    "nothing is left over",
  );
});

Deno.test("findRoute() finds the network of each of its addresses, the first and the last one, too", async () => {
  await ip("link add name other type dummy", "link set dev other up", "address add 10.8.0.1/24 dev other");
  using routes = openRoutes();
  assert.equal(routes.findRoute("10.8.0.9")?.network, "10.8.0.0/24");
  assert.match(routes.findRoute("10.8.0.0")!.network, /^10\.8\.0\.0(\/24)?$/);
  assert.match(routes.findRoute("10.8.0.255")!.network, /^10\.8\.0\.(255|0\/24)$/);
  for (const address of ["10.8.0.0", "10.8.0.255"]) assert.equal(routes.findRoute(address)!.isLocal, false);
});

Deno.test("questions and changes are answered by the kernel alone: another process cannot send anything", async () => {
  await ip("link add other type dummy");
  using _ = enter(NEAR.namespace);
  using routes = new NetlinkRoutes();
  using writer = new NetlinkWriter();
  using resources = new DisposableStack();
  using libc = new Libc();
  const listed = Deno.readTextFileSync("/proc/thread-self/net/netlink").matchAll(/^\S+ +(\d+) +(\d+) /gm);
  const readers = Array.from(listed, ([, protocol, port]) => [Number(protocol), Number(port)] as const)
    .filter(([, port]) => port !== 0);
  assert.equal(readers.length, 1 + Object.keys(NETLINK).length);
  const forged = linkRequest("forged");
  for (const [protocol, port] of readers) {
    const other = openNetlink(libc, "a socket to forge by", protocol, 0, resources);
    const reader = new Uint32Array([16, port, 0]); // struct sockaddr_nl
    const sent = libc.symbols.sendto(other, forged, BigInt(forged.length), 0, reader, reader.byteLength);
    assert.deepEqual([Number(sent), libc.errno], [-1, constants.errno.ECONNREFUSED]);
  }
  assert.notEqual(routes.findIndex("other"), null);
  const up = { kind: "link", device: "other", mtu: null, alias: null, outer: null, isUp: true } as const;
  assert.deepEqual(writer.change([up]), [null]);
});
