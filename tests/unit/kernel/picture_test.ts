import assert from "node:assert/strict";
import { command } from "../../../lib/kernel/step.ts";
import { Picture } from "../../../lib/kernel/picture.ts";
import type { Transition } from "../../../lib/kernel/plan.ts";
import { EMPTY_STATE, type KernelState, type Tunnel } from "../../../lib/kernel/state.ts";
import type { DeviceChange, KernelChange } from "../../../lib/kernel_ports.ts";
import { sampleObserved, samplePeer, sampleSettings } from "../samples.ts";

const SETTINGS = sampleSettings({ peers: [samplePeer({ name: "a" })] });
const NOW = 1_000_000;
const OUTSIDE = { ip: "192.0.2.1", device: "eth0" };

const TUNNEL: Tunnel = {
  name: "a",
  alias: "ipipou:hub",
  remote: { ip: "198.51.100.2", port: 1 },
  local: { ip: "192.0.2.1", port: 2 },
  checksum: null,
  header: "ttl 64 tos 0x00 pmtudisc",
  mtu: 1472,
  fwmark: 0,
  link: null,
  inner: { ip: "172.28.0.0", peerIp: "172.28.0.1" },
  up: true,
  routes: [],
};
const STANDING: Tunnel = { ...TUNNEL, name: "b", inner: { ip: "172.28.0.2", peerIp: "172.28.0.3" } };

function stateOf(...tunnels: Tunnel[]): KernelState {
  return { ...EMPTY_STATE, tunnels: new Map(tunnels.map((tunnel) => [tunnel.name, tunnel])) };
}

const FROM = stateOf(STANDING);
const TO = { ...stateOf(TUNNEL, STANDING), altAddresses: new Map([["172.29.0.0", "eth0"]]) };

const INDEX = { a: 11, b: 12, eth0: 2, other: 9 } as const;
/** News of a device as our changes leave it, except for `fields`. */
const device = (name: keyof typeof INDEX, fields: Partial<DeviceChange> = {}): DeviceChange => ({
  kind: "device",
  index: INDEX[name],
  name,
  isGone: false,
  isUp: true,
  alias: "ipipou:hub",
  mtu: 1472,
  outer: "192.0.2.1:2 198.51.100.2:1 ttl 64 tos 0x00 pmtudisc",
  ...fields,
});
const address = (ip: string, index: number = INDEX.other, isGone = false): KernelChange => ({
  kind: "address",
  index,
  ip,
  isGone,
});
const route = (protocol: number, network = "10.7.0.0/16", isGone = false): KernelChange => ({
  kind: "route",
  network,
  protocol,
  isGone,
});
const TABLE: KernelChange = { kind: "table", chains: [], onlyRemoves: false };
const UNKNOWN: KernelChange = { kind: "unknown" };

/** Commands that make the first tunnel, with a private address and a route. */
const MAKE = [
  "link add name a type ipip remote 198.51.100.2 local 192.0.2.1 encap fou encap-sport 2 encap-dport 1",
  "link set dev a alias ipipou:hub",
  "address add 172.29.0.0/32 dev eth0 scope global",
  "fou add port 2 ipproto 4 local 172.29.0.0",
  "address add 172.28.0.0 peer 172.28.0.1 dev a",
  "link set dev a up",
  "route add 10.7.0.0/16 dev a proto 201",
];
const REMOVE = ["address delete 172.29.0.0/32 dev eth0", "link set dev b group 7", "link delete group 7"];

/** A plan with this many runs of `nft`. */
function planOf(transactions: number, ip: readonly string[] = MAKE): Transition {
  const [close, open] = [1, 2].map((least) => transactions >= least ? [command("a command")] : []);
  return { confirm: [], withdraw: [], close: close!, ip: ip.map(command), open: open! };
}

/** A picture of a kernel in which one tunnel was found. */
function newPicture(own: KernelState = FROM, now = NOW): Picture {
  const picture = new Picture(SETTINGS);
  picture.beginLook(now);
  picture.handleLook(sampleObserved({ own, ownIndexes: new Set([INDEX.b]) }), NOW);
  return picture;
}

/** The picture after a change of ours, with this news during the change. */
function afterChange(changes: readonly KernelChange[], plan: Transition): Picture {
  const picture = newPicture();
  picture.beginChange(plan);
  picture.handleNews(changes, NOW);
  picture.handleChange(TO, false, NOW);
  return picture;
}

const OURS = [device("a"), address("172.28.0.0"), address("172.29.0.0"), route(2), route(201)];

Deno.test("Picture needs a look at everything before the first change and after a failure", () => {
  const picture = new Picture(SETTINGS);
  assert.equal(picture.need, "all");
  picture.beginLook(NOW);
  assert.equal(picture.need, "all", "nothing was found yet");
  picture.handleLook(sampleObserved({}), NOW);
  assert.equal(picture.need, "nothing");
  picture.handleFailure();
  assert.equal(picture.need, "all");
});

Deno.test("Picture keeps what it knows during our own change, whatever news the kernel sends of it", () => {
  for (const told of [OURS, [], OURS.slice(1), [...OURS, TABLE]]) {
    const picture = afterChange(told, planOf(1));
    assert.deepEqual([picture.need, picture.repairDue], ["nothing", null]);
    assert.equal(picture.observed!.own, TO);
  }
  const gone = [
    ...[device("b"), address("172.28.0.2", INDEX.b, true), device("b", { isGone: true })],
    address("172.29.0.0", INDEX.eth0, true),
  ];
  assert.equal(afterChange(gone, planOf(0, REMOVE)).need, "nothing", "what we remove");
});

Deno.test("Picture needs a look at everything after a change by others, even during our own", () => {
  const others = [
    ...[
      device("b"),
      device("eth0"),
      address("172.28.0.2"),
      address("192.0.2.9"),
      route(4, "10.8.0.0/16"),
      UNKNOWN,
    ],
    // Our own changes remove none of what they make or change.
    ...[device("a", { isGone: true }), address("172.28.0.0", INDEX.a, true), route(201, "10.7.0.0/16", true)],
  ];
  for (const change of others) {
    assert.equal(afterChange([...OURS, change], planOf(1)).need, "all", JSON.stringify(change));
    const picture = newPicture();
    picture.handleNews([change], NOW);
    assert.equal(picture.need, "all", JSON.stringify(change));
  }
  assert.equal(afterChange([device("b")], planOf(1, REMOVE)).need, "nothing");
  assert.equal(afterChange([device("a", { isGone: true })], planOf(1, REMOVE)).need, "all");
  assert.equal(afterChange([TABLE, TABLE], planOf(1)).need, "all", "one transaction more than ours");
  assert.equal(afterChange([TABLE, TABLE, TABLE], planOf(2)).need, "all");
});

Deno.test("Picture calls for a repair when others changed a device during our own change", () => {
  for (
    const fields of [{ isUp: false }, { alias: "somebody's" }, { mtu: 1400 }, { outer: "" }, {
      outer: "192.0.2.1:2 198.51.100.9:1 ttl 64 tos 0x00 pmtudisc",
    }, { outer: "192.0.2.1:2 198.51.100.2:1 ttl inherit tos 0x00 pmtudisc" }]
  ) {
    const picture = afterChange([device("a", fields)], planOf(0));
    assert.deepEqual([picture.need, picture.repairDue], ["all", NOW - 1_000], JSON.stringify(fields));
    assert.equal(
      afterChange([device("a", fields), device("a")], planOf(0)).need,
      "nothing",
      "not the last word",
    );
  }
  assert.equal(
    afterChange([device("a", { isUp: false }), device("a", { isGone: true })], planOf(0)).need,
    "all",
  );
});

Deno.test("Picture ignores routes that follow from addresses", () => {
  const picture = newPicture();
  picture.handleNews([route(2), route(2, "10.9.0.0/24", true)], NOW);
  assert.deepEqual([picture.need, picture.repairDue], ["nothing", null]);
});

Deno.test("Picture takes late news of our own change for a change by others", () => {
  const picture = afterChange(OURS, planOf(1));
  picture.handleNews([device("a")], NOW);
  assert.equal(picture.need, "all");
});

Deno.test("Picture calls for a repair when our objects, or the outside, were changed", () => {
  const calls = [
    device("a"),
    device("b"),
    device("eth0"),
    address("192.0.2.1"),
    address("172.29.0.0"),
    route(201),
  ];
  for (const change of [...calls, address("172.28.9.9", INDEX.a), TABLE, UNKNOWN]) {
    const picture = afterChange(OURS, planOf(0));
    picture.handleNews([change], NOW);
    assert.equal(picture.repairDue, NOW - 1_000, JSON.stringify(change));
  }
  const renamed = afterChange(OURS, planOf(0));
  renamed.handleNews([device("b", { name: "stolen" })], NOW);
  assert.equal(renamed.repairDue, NOW - 1_000);
});

Deno.test("Picture calls for no repair when foreign objects were changed", () => {
  const picture = afterChange(OURS, planOf(0));
  picture.handleNews([device("other"), address("203.0.113.9"), route(4)], NOW);
  assert.deepEqual([picture.need, picture.repairDue], ["all", null]);
});

Deno.test("Picture calls for a repair when a way to a far end may have changed, and asks for the ways only once", () => {
  const link = { name: "eth1", mtu: 1500, isUp: true };
  const asked: string[] = [];
  const seen = () => {
    const picture = newPicture();
    picture.beginLook(NOW);
    picture.handleLook(sampleObserved({ own: TO, links: new Map([[INDEX.other, link]]) }), NOW);
    picture.findWays(["198.51.100.2", "203.0.113.2"], OUTSIDE, (ip) => {
      asked.push(ip);
      return ip === "198.51.100.2" ? { index: INDEX.other, mtu: 1400 } : null;
    });
    return picture;
  };
  assert.deepEqual(seen().observed!.paths, new Map([["198.51.100.2", 1400]]));
  assert.equal(asked.length, 2);
  const calls = [
    ...["0.0.0.0/0", "198.51.100.0/24", "198.51.100.2/32", "203.0.113.2/31"].map((net) => route(4, net)),
    route(2, "198.51.100.0/24"),
    ...[{ mtu: 1400 }, { isUp: false }, { isGone: true }].map((fields) =>
      device("other", { name: "eth1", mtu: 1500, ...fields })
    ),
  ];
  for (const change of calls) {
    const picture = seen();
    picture.handleNews([change], NOW);
    assert.deepEqual([picture.need, picture.repairDue], ["all", NOW - 1_000], JSON.stringify(change));
  }
  const others = [route(4, "198.51.101.0/24"), route(4, "198.51.100.3/32"), route(2, "203.0.113.0/31")];
  for (const change of [...others, device("other", { name: "eth1", mtu: 1500 })]) {
    const picture = seen();
    picture.handleNews([change], NOW);
    assert.equal(picture.repairDue, null, JSON.stringify(change));
  }
  const picture = seen();
  asked.length = 0;
  const find = (ip: string) => {
    asked.push(ip);
    return null;
  };
  picture.findWays(["198.51.100.2", "203.0.113.9"], OUTSIDE, find);
  assert.deepEqual(asked, ["203.0.113.9"]);
  picture.findWays(["198.51.100.2"], { ...OUTSIDE }, find);
  assert.deepEqual(asked, ["203.0.113.9", "198.51.100.2"], "another outside");
});

Deno.test("Picture calls for a repair at any change while foreign objects hinder a tunnel", () => {
  const picture = newPicture();
  picture.beginChange(planOf(0));
  picture.handleChange(TO, true, NOW);
  picture.handleNews([device("other")], NOW);
  assert.equal(picture.repairDue, NOW - 1_000);
});

Deno.test("Picture calls for a repair until a look begins, and again after a change during that look", () => {
  const picture = newPicture();
  picture.handleNews([TABLE, TABLE], NOW);
  picture.beginLook(NOW + 5_000);
  assert.equal(picture.repairDue, null);
  picture.handleNews([TABLE], NOW);
  picture.handleLook(sampleObserved({}), NOW);
  assert.deepEqual([picture.need, picture.repairDue], ["all", NOW + 4_000]);
});

Deno.test("Picture lets three looks follow each other at once, and then one a second", () => {
  const picture = newPicture();
  const dues = Array.from({ length: 5 }, () => {
    picture.handleNews([UNKNOWN], NOW);
    const due = picture.repairDue! - NOW;
    picture.beginLook(Math.max(NOW, picture.repairDue!));
    return due;
  });
  assert.deepEqual(dues, [-1_000, 0, 1_000, 2_000, 3_000]);
  for (let own = 0; own < 9; own++) {
    picture.distrust("all");
    picture.beginLook(NOW + 20_000);
  }
  picture.handleNews([UNKNOWN], NOW);
  assert.equal(picture.repairDue, NOW + 21_000, "never later than that");
});

Deno.test("Picture needs a look at the FOU ports under new settings, and at everything if they may sort objects differently", () => {
  const again = sampleSettings({ peers: [samplePeer({ name: "a" })] });
  const cases = [
    [SETTINGS, "nothing"],
    [again, "listeners"],
    [{ ...again, local: { ...again.local, ports: [10_000, 10_001] } }, "all"],
    [{ ...again, queue: { number: 9, maxLength: 24 } }, "all"],
    [{ ...again, peers: [samplePeer({ name: "a", routes: ["10.0.0.0/8"] })] }, "all"],
  ] as const;
  for (const [settings, need] of cases) {
    const picture = newPicture();
    picture.handleSettings(settings);
    assert.equal(picture.need, need);
  }
});

Deno.test("Picture needs a look at everything when a foreign device has a peer's name now", () => {
  const picture = new Picture(SETTINGS);
  picture.beginLook(NOW);
  picture.handleLook(sampleObserved({ foreign: { devices: new Map([["taken", "dummy"]]) } }), NOW);
  picture.handleSettings(sampleSettings({ peers: [samplePeer({ name: "taken" })] }));
  assert.equal(picture.need, "all");
});

Deno.test("Picture calls for a repair when a tunnel of others begins to use a FOU port of ours", () => {
  for (const [port, isNews] of [[10_000, true], [10_001, false]] as const) {
    const picture = newPicture();
    const outer = `192.0.2.1:${port} 203.0.113.9:7 ttl 64 tos 0x00 pmtudisc`;
    picture.handleNews([device("other", { alias: "", outer })], NOW);
    assert.equal(picture.repairDue !== null, isNews);
  }
});

Deno.test("Picture still recognizes what was ours under earlier settings", () => {
  const picture = newPicture();
  const peers = [samplePeer({ name: "c" })];
  picture.handleSettings(sampleSettings({ peers, local: { ...SETTINGS.local, ports: [10_009] } }));
  assert.deepEqual(picture.identity.devices, new Set(["c", "a"]));
  assert.deepEqual(picture.identity.ports, new Set([10_009, 10_000]));
  assert.equal(picture.hasRoutes, false);
});

Deno.test("Picture keeps the rest when only the FOU ports were looked at", () => {
  const picture = newPicture();
  picture.distrust("listeners");
  assert.equal(picture.need, "listeners");
  picture.beginLook(NOW + 1);
  picture.handleListeners(sampleObserved({ own: FROM }));
  assert.deepEqual([picture.need, picture.observed!.own], ["nothing", FROM]);
});

Deno.test("Picture goes on listing routes after settings that had some, to find what is to be removed", () => {
  const withRoutes = sampleSettings({ peers: [samplePeer({ name: "a", routes: ["10.7.0.0/16"] })] });
  const picture = new Picture(withRoutes);
  picture.handleSettings(SETTINGS);
  assert.equal(picture.hasRoutes, true);
});
