import assert from "node:assert/strict";
import { Admin } from "./admin.ts";
import type { FakeChange } from "./changes.ts";
import type { FakeKernel } from "./kernel.ts";
import { Refused } from "./refused.ts";
import { newHost, TUNNEL } from "./scene.ts";
import { snapshot } from "./snapshot.ts";

/** The kernel's error for an `ip` command; null if it succeeds. */
function refusal(kernel: FakeKernel, line: string): string | null {
  const before = snapshot(kernel);
  try {
    kernel.ip(line);
    return null;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    assert.deepEqual(snapshot(kernel), before, line);
    return error.message;
  }
}

/** The changes that `ip` commands cause, abbreviated. */
function changesOf(kernel: FakeKernel, ...lines: readonly string[]): string[] {
  const changes: string[] = [];
  const listener = (change: FakeChange) => {
    if (change.kind === "device") changes.push(`device ${change.name}`);
    if (change.kind === "address") changes.push(`address ${change.ip}`);
    if (change.kind === "route") changes.push(`route ${change.protocol}`);
  };
  const stop = kernel.changes.listen(listener);
  for (const line of lines) kernel.ip(line);
  stop();
  return changes;
}

const FOU = "ipproto 4 local 192.0.2.1 dev eth0";

function newKernel(): FakeKernel {
  const { kernel } = newHost();
  kernel.ip(`link add name p0 ${TUNNEL} mode ipip dev eth0`);
  kernel.ip("address add 172.28.0.0 peer 172.28.0.1 dev p0");
  return kernel;
}

Deno.test("FakeKernel refuses conflicting devices, in the kernel's words", () => {
  const kernel = newKernel();
  const exists = "RTNETLINK answers: File exists";
  const elsewhere = TUNNEL.replace("198.51.100.2", "198.51.100.3");
  assert.equal(refusal(kernel, `link add name p0 ${elsewhere} mode ipip dev eth0`), exists);
  assert.equal(refusal(kernel, `link add name p1 ${TUNNEL} mode ipip dev eth0`), exists);
  assert.equal(refusal(kernel, `link add name p1 ${elsewhere} mode ipip dev eth0`), null);
  assert.equal(refusal(kernel, `link set dev p1 alias x ${TUNNEL}`), exists);
  assert.equal(refusal(kernel, `link add name p2 ${TUNNEL} mode ipip`), null, "it has no device under it");
  assert.equal(refusal(kernel, "link set dev p1 name p2"), exists);
  for (const words of ["up", "alias x", "group 5", `${TUNNEL}`]) {
    assert.equal(refusal(kernel, `link set dev nope ${words}`), 'Cannot find device "nope"');
  }
  assert.equal(refusal(kernel, "link delete group 1234"), "RTNETLINK answers: No such device");
});

Deno.test("FakeKernel refuses to add an address twice, and to delete one that does not exist", () => {
  const kernel = newKernel();
  const [assigned, missing] = ["Error: ipv4: Address already assigned.", "Error: ipv4: Address not found."];
  assert.equal(refusal(kernel, "address add 172.28.0.0 peer 172.28.0.1 dev p0"), assigned);
  assert.equal(refusal(kernel, "address add 172.28.0.0 peer 172.28.0.7 dev p0"), null);
  assert.equal(refusal(kernel, "address delete 172.28.0.0 peer 172.28.0.9 dev p0"), missing);
  assert.equal(refusal(kernel, "address delete 192.0.2.1/32 dev eth0"), missing);
  assert.equal(refusal(kernel, "address add 1.1.1.1/32 dev nope"), 'Cannot find device "nope"');
});

Deno.test("FakeKernel refuses routes by a device that is down, conflicting routes, and to delete routes of another protocol", () => {
  const kernel = newKernel();
  const route = (verb: string, device = "p0", protocol = 201) =>
    refusal(kernel, `route ${verb} 10.1.0.0/16 dev ${device} proto ${protocol}`);
  assert.equal(route("add"), "Error: Device for nexthop is not up.");
  kernel.ip("link set dev p0 up");
  assert.equal(route("add"), null);
  assert.equal(route("add"), "RTNETLINK answers: File exists");
  assert.equal(route("add", "eth0"), "RTNETLINK answers: File exists");
  assert.equal(refusal(kernel, "route add 10.1.0.0/16 dev eth0 metric 5"), null);
  for (const [device, protocol] of [["eth0", 201], ["p0", 202]] as const) {
    assert.equal(route("delete", device, protocol), "RTNETLINK answers: No such process");
  }
  assert.equal(route("replace", "eth0"), null);
  assert.deepEqual(
    kernel.listRoutes().filter(({ dst }) => dst === "10.1.0.0/16").map(({ dev, metric }) => [dev, metric]),
    [["eth0", undefined], ["eth0", 5]],
  );
});

Deno.test("FakeKernel refuses FOU ports that are in use or at a foreign address, and to delete those that do not exist", () => {
  const kernel = newKernel();
  const [inUse, invalid] = [
    "RTNETLINK answers: Address already in use",
    "RTNETLINK answers: Invalid argument",
  ];
  assert.equal(refusal(kernel, `fou add port 10000 ${FOU}`), null);
  assert.equal(refusal(kernel, `fou add port 10000 ${FOU}`), inUse);
  assert.equal(refusal(kernel, "fou add port 10000 ipproto 4 local 192.0.2.1"), inUse);
  assert.equal(refusal(kernel, "fou add port 10000 ipproto 4"), inUse);
  assert.equal(refusal(kernel, "fou add port 10000 ipproto 4 local 192.0.2.1 dev lo"), null);
  assert.equal(refusal(kernel, "fou add port 10001 ipproto 4"), null);
  assert.equal(refusal(kernel, `fou add port 10001 ${FOU}`), inUse);
  const elsewhere = "fou add port 10000 ipproto 4 local 192.0.2.2";
  assert.equal(refusal(kernel, elsewhere), "RTNETLINK answers: Cannot assign requested address");
  assert.equal(refusal(kernel, "fou del port 10000 ipproto 4 local 192.0.2.1"), invalid);
  assert.equal(refusal(kernel, `fou del port 10002 ${FOU}`), invalid);
  assert.equal(refusal(kernel, "fou add port 1 ipproto 4 dev nope"), "fou: unknown device name");
});

Deno.test("FakeKernel throws at words that no plan has", () => {
  const kernel = newKernel();
  const lines = [
    "link show",
    "link add name p1 type gre remote 1.1.1.1 local 2.2.2.2",
    "link set dev p0 txqueuelen 5",
    "address add 1.1.1.1/32 dev eth0 label x",
    "address delete 172.28.0.0 dev p0",
    "route add 10.0.0.0/8 dev eth0 table 7",
    "fou add port 1 ipproto 47",
    "link set up",
  ];
  for (const line of lines) assert.throws(() => kernel.ip(line), TypeError, line);
});

Deno.test("FakeKernel drops routes with a device that goes down and with its last address, without a notification", () => {
  const kernel = newKernel();
  const inner = () => kernel.listRoutes().filter(({ dev }) => dev === "p0").map(({ dst }) => dst);
  assert.deepEqual(changesOf(kernel, "link set dev p0 up"), ["device p0", "route 2"]);
  assert.deepEqual(changesOf(kernel, "route add 10.1.0.0/16 dev p0 proto 201"), ["route 201"]);
  assert.deepEqual(changesOf(kernel, "link set dev p0 down"), ["device p0"]);
  assert.deepEqual(inner(), []);
  kernel.ip("link set dev p0 up");
  assert.deepEqual(inner(), ["172.28.0.1"]);
  kernel.ip("route add 10.1.0.0/16 dev p0 proto 201");
  kernel.ip("address add 172.28.0.9 peer 172.28.0.9 dev p0");
  const deletion = "address delete 172.28.0.0 peer 172.28.0.1 dev p0";
  assert.deepEqual(changesOf(kernel, deletion), ["address 172.28.0.0", "route 2", "route 2"]);
  assert.deepEqual(inner(), ["10.1.0.0/16"]);
  assert.deepEqual(changesOf(kernel, "address delete 172.28.0.9/32 dev p0"), [
    "address 172.28.0.9",
    "route 2",
  ]);
  assert.deepEqual(inner(), []);
});

Deno.test("FakeKernel reports changes as the kernel does, which are not those of devices that are down", () => {
  const kernel = newKernel();
  const changes = [`alias x`, "group 5", TUNNEL.replace("40000", "40001")];
  for (const words of changes) assert.deepEqual(changesOf(kernel, `link set dev p0 ${words}`), [], words);
  kernel.ip("link set dev p0 up");
  for (const words of changes) {
    assert.deepEqual([...new Set(changesOf(kernel, `link set dev p0 ${words}`))], ["device p0"], words);
  }
  assert.deepEqual(changesOf(kernel, "link set dev p0 up"), []);
  assert.deepEqual(changesOf(kernel, "link set dev p0 name q0"), ["device q0", "address 172.28.0.0"]);
  const gone = ["device q0", "address 172.28.0.0", "route 2", "device q0"];
  assert.deepEqual(changesOf(kernel, "link delete group 5"), gone);
  kernel.ip("link set dev eth0 down");
  assert.deepEqual(changesOf(kernel, "route replace 10.1.0.0/16 dev lo proto 201"), ["route 201"]);
  assert.deepEqual(changesOf(kernel, "route replace 10.1.0.0/16 dev lo proto 201"), []);
});

Deno.test("FakeKernel deletes secondary addresses with their primary one, and keeps addresses in the kernel's order", () => {
  const kernel = newKernel();
  kernel.ip("address add 192.0.2.77/24 dev eth0");
  kernel.ip("address add 172.29.0.2/32 dev eth0 scope global");
  const locals = () => kernel.devices.get("eth0")!.addresses.map(({ local }) => local);
  assert.deepEqual(locals(), ["192.0.2.1", "172.29.0.2", "192.0.2.77"]);
  kernel.ip("address delete 192.0.2.77/24 dev eth0");
  kernel.ip("address add 192.0.2.77/24 dev eth0");
  kernel.ip("address delete 192.0.2.1/24 dev eth0");
  assert.deepEqual(locals(), ["172.29.0.2"]);
  const routes = kernel.listRoutes().map(({ dst, gateway }: { dst: string; gateway?: string }) =>
    `${dst} ${gateway}`
  );
  assert.deepEqual(routes, ["default 192.0.2.254"]);
});

Deno.test("FakeKernel keeps things bound to a deleted device, under its number", () => {
  const kernel = newKernel();
  kernel.ip(`fou add port 10000 ${FOU}`);
  const { index } = kernel.devices.get("eth0")!;
  new Admin(kernel).deleteDevice("eth0");
  assert.equal(kernel.listDevices().find(({ ifname }) => ifname === "p0")?.link, `if${index}`);
  assert.deepEqual(kernel.listFou().map(({ dev }) => dev), [`if${index}`]);
  assert.throws(() => kernel.ip(`fou del port 10000 ${FOU}`), /fou: unknown device name/);
  kernel.addDevice("eth0", { addresses: ["192.0.2.1/24"] });
  assert.throws(() => kernel.ip(`fou del port 10000 ${FOU}`), /Invalid argument/);
  assert.equal(refusal(kernel, `fou add port 10000 ${FOU}`), null);
});

Deno.test("FakeKernel skips a FOU port between two messages when it lists them", () => {
  const { kernel } = newHost({ fouPortsPerMessage: 40 });
  for (let port = 1; port <= 100; port++) kernel.ip(`fou add port ${port} ${FOU}`);
  const listed = kernel.listFou().map(({ port }) => port);
  const lost = Array.from({ length: 100 }, (_, index) => index + 1).filter((port) => !listed.includes(port));
  assert.deepEqual(lost, [19, 60]);
});

Deno.test("snapshot() shows everything, and looks the same when things are recreated", () => {
  const kernel = newKernel();
  const admin = new Admin(kernel);
  const before = snapshot(kernel);
  assert.ok(
    before.includes(
      "device p0 kind ipip 192.0.2.1:10000 to 198.51.100.2:40000 ttl inherit tos 0x00 pmtudisc dev eth0 down mtu 1472",
    ),
  );
  assert.ok(before.includes("route default dev eth0 proto 3 via 192.0.2.254"));
  assert.ok(admin.addTable("other") && admin.addDevice("dummy0", "10.0.0.1/24"));
  assert.ok(admin.addFouPort("port 7777") && admin.addRoute("10.1.0.0/16 dev dummy0 metric 7"));
  const added = snapshot(kernel).filter((line) => !before.includes(line));
  assert.deepEqual(added, [
    "address 10.0.0.1 peer 10.0.0.1/24 dev dummy0",
    "chain other input filter input 0 accept",
    "device dummy0 kind dummy up mtu 1500",
    "element other friends 203.0.113.1",
    "fou 0.0.0.0:7777",
    "route 10.0.0.0/24 dev dummy0 proto 2",
    "route 10.1.0.0/16 dev dummy0 proto 3 metric 7",
    "rule other input 000 ip saddr @friends accept",
    "set other friends ipv4_addr",
    "table other",
  ]);
  assert.ok(admin.flushRuleset() && admin.deleteDevice("dummy0") && admin.deleteFouPort("port 7777"));
  assert.ok(admin.deleteDevice("p0") && admin.ip(`link add name p0 ${TUNNEL} mode ipip dev eth0`));
  assert.ok(admin.ip("address add 172.28.0.0 peer 172.28.0.1 dev p0"));
  assert.deepEqual(snapshot(kernel), before);
});

Deno.test("Admin returns whether the kernel carried out the change", () => {
  const kernel = newKernel();
  const admin = new Admin(kernel);
  admin.ip(`link add name p1 ${TUNNEL.replace("198.51.100.2", "198.51.100.3")} mode ipip dev eth0`);
  assert.equal(admin.moveTunnel("p0", "192.0.2.1", "198.51.100.3"), false);
  assert.equal(admin.moveTunnel("p0", "192.0.2.1", "198.51.100.4"), true);
  assert.equal(kernel.devices.get("p0")?.outer?.encap?.dport, 40_000);
  assert.equal(admin.moveTunnel("eth0", "192.0.2.1", "198.51.100.4"), false);
  assert.equal(admin.flushAddresses("p0"), true);
  assert.equal(admin.flushAddresses("p0"), false);
  assert.equal(admin.deleteDevice("nope"), false);
  assert.equal(admin.deleteRoute("default"), true);
  assert.equal(admin.deleteRoute("default"), false);
  assert.equal(admin.deleteRule("nope", 0), false);
});
