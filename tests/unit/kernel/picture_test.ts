import assert from "node:assert/strict";
import { command } from "../../../lib/kernel/step.ts";
import type { KernelChange } from "../../../lib/kernel_ports.ts";
import type { Gate } from "../../../lib/kernel/state.ts";
import { Picture } from "../../../lib/kernel/picture.ts";
import { sampleObserved, samplePeer, sampleSettings } from "../samples.ts";
import {
  address,
  afterChange,
  device,
  FROM,
  INDEX,
  newPicture,
  NOW,
  OURS,
  planOf,
  REMOVE,
  route,
  SETTINGS,
  TABLE,
  TO,
  UNKNOWN,
  UNROUTE,
} from "./picture_scene.ts";

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
  for (const told of [OURS, [], OURS.slice(0, 2), [...OURS, TABLE]]) {
    const picture = afterChange(told, planOf(1));
    assert.deepEqual([picture.need, picture.repairDue], ["nothing", null]);
    assert.equal(picture.observed!.own, TO);
  }
  const gone = [
    ...[device("b"), address("172.28.0.2", INDEX.b, true), device("b", { isGone: true })],
    address("172.29.0.0", INDEX.eth0, true),
  ];
  assert.equal(afterChange(gone, planOf(0, REMOVE)).need, "nothing", "what we remove");
  // All tunnels of a hub may have one address.
  const others = address("172.28.0.2", INDEX.other, true);
  assert.equal(afterChange([...gone, others], planOf(0, REMOVE)).need, "all", "the same of another device");
  const unrouted = (isGone: boolean) =>
    afterChange([route(201, "10.7.0.0/16", isGone)], planOf(0, UNROUTE)).need;
  assert.deepEqual([unrouted(true), unrouted(false)], ["nothing", "all"]);
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

Deno.test("Picture takes no change of the gate's rules for ours, while we change elements or other rules", () => {
  const chains = ["fou", "gate"].map((kind) => `${kind}-${SETTINGS.name}`) as [string, string];
  const news = (...chains: string[]) => ({ ...TABLE, chains });
  const theirs = [news(chains[0]), news(""), news(chains[0], "another-chain")];
  for (const change of theirs) {
    for (const told of [[change, TABLE, TABLE], [TABLE, change, TABLE], [TABLE, TABLE, change], [change]]) {
      const picture = afterChange([...OURS, ...told], planOf(2));
      assert.deepEqual([picture.need, picture.gate.isAway], ["all", true], JSON.stringify(told));
    }
  }
  const lines = (chain: string) => [`flush chain ip ipipou ${chain}`, `add rule ip ipipou ${chain} accept`];
  const replaces = { ...planOf(1), close: ["add table ip ipipou", ...lines(chains[0])].map(command) };
  const after = (...told: KernelChange[]) => {
    const { need, gate } = afterChange([...OURS, ...told], replaces);
    return [need, gate.isAway];
  };
  assert.deepEqual(after(news("", chains[0])), ["nothing", false]);
  assert.deepEqual(after(news(chains[0])), ["nothing", false], "the table was there");
  assert.deepEqual(after(news(chains[1]), news("", chains[0])), ["all", true]);
  assert.deepEqual(after(news(chains[0]), news(chains[0])), ["all", true], "one of them is not ours");
  assert.deepEqual(after(TABLE, news(chains[0])), ["all", false], "elements");
});

Deno.test("Picture does not rely on the gate's rules when news of tables were lost", () => {
  const own = { ...FROM, gate: { fingerprint: "abc.1", remotes: new Map() } as unknown as Gate };
  for (const [of, isMade] of [["tables", true], ["others", false]] as const) {
    const picture = newPicture(own);
    picture.beginChange(planOf(0));
    picture.handleChange(own, false, NOW);
    picture.handleNews([{ kind: "unknown", of }], NOW);
    assert.equal(picture.gate.isAway, false, "a look shows that");
    picture.beginLook(NOW);
    picture.handleLook(sampleObserved({ own }), NOW);
    assert.equal(picture.observed!.own.gate!.fingerprint === "", isMade, of);
  }
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
