import assert from "node:assert/strict";
import { Picture } from "../../../lib/kernel/picture.ts";
import type { Transition } from "../../../lib/kernel/plan.ts";
import { EMPTY_STATE, type Gate, type KernelState, type Tunnel } from "../../../lib/kernel/state.ts";
import type { KernelChange } from "../../../lib/ports.ts";
import { sampleObserved, samplePeer, sampleSettings } from "../samples.ts";

const SETTINGS = sampleSettings({ peers: [samplePeer({ name: "a" })] });
const NOW = 1_000_000;

const TUNNEL: Tunnel = {
  name: "a",
  alias: "ipipou:hub",
  remote: { ip: "198.51.100.2", port: 1 },
  local: { ip: "192.0.2.1", port: 2 },
  checksum: null,
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
const device = (name: keyof typeof INDEX): KernelChange => ({ kind: "device", index: INDEX[name], name });
const address = (ip: string, index: number = INDEX.other): KernelChange => ({ kind: "address", index, ip });
const route = (protocol: number): KernelChange => ({ kind: "route", protocol });
const TABLE: KernelChange = { kind: "table" };
const UNKNOWN: KernelChange = { kind: "unknown" };

/** A plan in which `nft` runs so often. */
function planOf(transactions: number): Transition {
  const [close, open] = [1, 2].map((least) => transactions >= least ? ["a command"] : []);
  return { confirm: [], withdraw: ["one"], close: close!, ip: ["two", "three"], open: open! };
}

/** A picture of a kernel in which one tunnel was found. */
function newPicture(own: KernelState = FROM, now = NOW): Picture {
  const picture = new Picture(SETTINGS);
  picture.beginLook(now);
  picture.handleLook(sampleObserved({ own, ownIndexes: new Set([INDEX.b]) }));
  return picture;
}

/** The picture after a change of ours, while which the kernel told of this. */
function afterChange(
  changes: readonly KernelChange[],
  transactions: number,
  from: KernelState = FROM,
  to: KernelState = TO,
): Picture {
  const picture = newPicture(from);
  picture.beginChange(to, planOf(transactions));
  picture.handleNews(changes);
  picture.handleChange(to, false);
  return picture;
}

const OURS = [device("a"), address("172.28.0.0"), address("172.29.0.0"), route(2), route(201)];

Deno.test("Picture needs a look at everything before the first change and after a failure", () => {
  const picture = new Picture(SETTINGS);
  assert.equal(picture.need, "all");
  picture.beginLook(NOW);
  assert.equal(picture.need, "all", "nothing was found yet");
  picture.handleLook(sampleObserved({}));
  assert.equal(picture.need, "nothing");
  picture.handleFailure();
  assert.equal(picture.need, "all");
});

Deno.test("Picture keeps what it knows during our own change, whatever news the kernel sends of it", () => {
  for (const told of [OURS, [], OURS.slice(1), [...OURS, TABLE]]) {
    const picture = afterChange(told, 1);
    assert.deepEqual([picture.need, picture.repairDue], ["nothing", null]);
    assert.equal(picture.observed!.own, TO);
  }
  assert.equal(afterChange(OURS, 0, TO, FROM).need, "nothing", "what goes is ours too");
});

Deno.test("Picture needs a look at everything after a change by others, even during our own", () => {
  const others = [
    device("b"),
    device("eth0"),
    address("172.28.0.2"),
    address("192.0.2.9"),
    route(4),
    UNKNOWN,
  ];
  for (const change of others) {
    assert.equal(afterChange([...OURS, change], 1).need, "all", JSON.stringify(change));
    const picture = newPicture();
    picture.handleNews([change]);
    assert.equal(picture.need, "all", JSON.stringify(change));
  }
  assert.equal(afterChange([TABLE, TABLE], 1).need, "all", "one transaction more than ours");
  assert.equal(afterChange([TABLE, TABLE, TABLE], 2).need, "all");
});

Deno.test("Picture takes late news of our own change for a change by others", () => {
  const picture = afterChange(OURS, 1);
  picture.handleNews([device("a")]);
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
    const picture = afterChange(OURS, 0);
    picture.handleNews([change]);
    assert.equal(picture.repairDue, NOW + 1_000, JSON.stringify(change));
  }
  const renamed = afterChange(OURS, 0);
  renamed.handleNews([{ kind: "device", index: INDEX.b, name: "stolen" }]);
  assert.equal(renamed.repairDue, NOW + 1_000);
});

Deno.test("Picture calls for no repair when foreign objects were changed", () => {
  const picture = afterChange(OURS, 0);
  picture.handleNews([device("other"), address("203.0.113.9"), route(4), route(2)]);
  assert.deepEqual([picture.need, picture.repairDue], ["all", null]);
});

Deno.test("Picture calls for a repair at any change while foreign objects hinder a tunnel", () => {
  const picture = newPicture();
  picture.beginChange(TO, planOf(0));
  picture.handleChange(TO, true);
  picture.handleNews([device("other")]);
  assert.equal(picture.repairDue, NOW + 1_000);
});

Deno.test("Picture calls for a repair until a look begins, and again after a change during that look", () => {
  const picture = newPicture();
  picture.handleNews([TABLE, TABLE]);
  picture.beginLook(NOW + 5_000);
  assert.equal(picture.repairDue, null);
  picture.handleNews([TABLE]);
  picture.handleLook(sampleObserved({}));
  assert.deepEqual([picture.need, picture.repairDue], ["all", NOW + 6_000]);
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
  picture.handleLook(sampleObserved({ foreign: { devices: new Map([["taken", "dummy"]]) } }));
  picture.handleSettings(sampleSettings({ peers: [samplePeer({ name: "taken" })] }));
  assert.equal(picture.need, "all");
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

Deno.test("lossesOf() describes what is gone and still wanted", () => {
  const withGate = (state: KernelState) => ({ ...state, gate: {} as Gate });
  const lossesOf = (found: KernelState, desired: KernelState) => {
    const picture = newPicture();
    picture.beginChange(withGate(TO), planOf(1));
    picture.handleChange(withGate(TO), false);
    picture.beginLook(NOW);
    picture.handleLook(sampleObserved({ own: found }));
    return picture.lossesOf(desired);
  };
  assert.deepEqual(lossesOf(withGate(TO), withGate(TO)), []);
  assert.deepEqual(lossesOf(TO, withGate(TO)), ["the gate is gone from nftables: restoring it"]);
  assert.deepEqual(lossesOf(withGate(FROM), withGate(TO)), ["device a is gone: restoring it"]);
  assert.deepEqual(lossesOf(withGate(EMPTY_STATE), withGate(TO)), [
    "device a and 1 more are gone: restoring them",
  ]);
  assert.deepEqual(lossesOf(EMPTY_STATE, EMPTY_STATE), [], "nothing of it is wanted any more");
});

Deno.test("lossesOf() ignores what we did not make", () => {
  const picture = newPicture(EMPTY_STATE);
  assert.deepEqual(picture.lossesOf(TO), []);
  picture.handleRemoval();
  picture.beginLook(NOW);
  picture.handleLook(sampleObserved({}));
  assert.deepEqual(picture.lossesOf(TO), []);
});
