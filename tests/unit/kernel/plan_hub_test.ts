import assert from "node:assert/strict";
import type { Admission } from "../../../lib/admission.ts";
import { desiredState } from "../../../lib/kernel/desired.ts";
import { identityOf } from "../../../lib/kernel/identity.ts";
import { sortOut } from "../../../lib/kernel/observe.ts";
import { planTransition } from "../../../lib/kernel/plan.ts";
import type { Observed, Remote } from "../../../lib/kernel/state.ts";
import { asLines } from "../fake/lines.ts";
import {
  acceptedRemotes,
  admission,
  HUB,
  newKernel,
  NOW,
  OUTSIDE,
  PEERS,
  plan,
  planRemoval,
} from "./plan_scene.ts";

Deno.test("planTransition() parks one of two peers that swap places, and lets neither's packets into the other's tunnel", () => {
  const kernel = newKernel();
  const at = (a: number, b: number) =>
    new Map([["p0", admission("198.51.100.1", 1000 + a)], ["p1", admission("198.51.100.2", 1000 + b)]]);
  const [home, swapped] = [at(1, 2), new Map([["p0", at(1, 2).get("p1")!], ["p1", at(1, 2).get("p0")!]])];
  kernel.run(plan(kernel, HUB, home));
  const { close, ip, open } = plan(kernel, HUB, swapped);
  const both = "198.51.100.1 . 1001 . 10000, 198.51.100.2 . 1002 . 10000";
  assert.deepEqual(close, [`delete element ip ipipou remotes-p0 { ${both} }`]);
  const place = (device: string, remote: string, local: string) =>
    `link set dev ${device} type ipip remote ${remote} local ${local} ttl 64 tos 0x00 pmtudisc fwmark 0 encap fou encap-sport 10000`;
  assert.deepEqual(ip.map((line) => line.replace(/ encap-dport.*/, "")), [
    place("p0", "0.0.2.1", "127.172.28.0"),
    place("p1", "198.51.100.1", "192.0.2.1"),
    place("p0", "198.51.100.2", "192.0.2.1"),
  ]);
  assert.equal(open.length, 1);
  assert.match(open[0]!, /^add element .* : accept, .* : accept \}$/);
  const moved = plan(kernel, HUB, at(3, 2));
  assert.deepEqual(moved.close, []);
});

Deno.test("planTransition() shuts a displaced peer out before it parks its tunnel", () => {
  const kernel = newKernel();
  const here = admission("198.51.100.1", 1001);
  kernel.run(plan(kernel, HUB, new Map([["p0", here]])));
  const { close, ip } = plan(kernel, HUB, new Map([["p0", { ...here, remote: null }], ["p1", here]]));
  assert.deepEqual(close, ["delete element ip ipipou remotes-p0 { 198.51.100.1 . 1001 . 10000 }"]);
  assert.match(ip[0]!, /^link set dev p0 type ipip remote 0\.0\.1\.1 local 127\.172\.28\.0 /);
});

Deno.test("planTransition() keeps a peer in that renews its lifetime while devices change, also under new rules", () => {
  for (const fields of [{}, { nft: { table: "ipipou", counter: false } }]) {
    const kernel = newKernel();
    const until = (expiresAt: number) => ({ ...admission("198.51.100.1", 1001), expiresAt });
    kernel.run(plan(kernel, HUB, new Map([["p0", until(NOW + 5_000)]])));
    const both = new Map([["p0", until(NOW + 60_000)], ["p1", admission("198.51.100.2", 1002)]]);
    const { close, ip, open } = plan(kernel, { ...HUB, ...fields }, both);
    assert.ok(ip.length > 0);
    kernel.nft(close);
    assert.deepEqual(acceptedRemotes(kernel), ["198.51.100.1:1001 10000"]);
    kernel.nft(open);
    const { elements } = kernel.tables.get("ipipou")!.sets.get("remotes-p0")!;
    assert.deepEqual([...elements.values()].map(({ timeout }) => timeout), [60_000, null]);
  }
});

Deno.test("planTransition() keeps a peer in whose lifetime others changed, but not one that they sent to another address", () => {
  const kernel = newKernel();
  const stateFor = (admissions: ReadonlyMap<string, Admission>, observed: Observed) =>
    desiredState({ settings: HUB, outside: OUTSIDE, admissions }, observed, NOW).state;
  const p0 = { ...admission("198.51.100.1", 1001), expiresAt: NOW + 60_000 };
  const empty = sortOut(kernel.list("ipipou"), identityOf(HUB), NOW);
  const before = stateFor(new Map([["p0", p0]]), empty);
  /** Where the peer is shut out, as another one comes. */
  const shutOut = (fields: Partial<Remote>) => {
    const remotes = new Map(
      [...before.gate!.remotes].map(([key, remote]) => [key, { ...remote, ...fields }]),
    );
    const observed = { ...empty, own: { ...before, gate: { ...before.gate!, remotes } } };
    const after = stateFor(new Map([["p0", p0], ["p1", admission("198.51.100.2", 1002)]]), observed);
    assert.equal(after.tunnels.get("p0"), before.tunnels.get("p0"), "its tunnel stays as it is");
    const { close, open } = asLines(planTransition(observed, after, NOW));
    return [close, open].map((lines) =>
      lines.some((line) => line.startsWith("delete element ip ipipou remotes-p0 "))
    );
  };
  assert.deepEqual(shutOut({}), [false, false]);
  assert.deepEqual(shutOut({ expiresAt: NOW + 5_000 }), [false, true]);
  assert.deepEqual(shutOut({ alt: "172.29.0.77" }), [true, false]);
});

Deno.test("planTransition() deletes all leaving devices at once, and no others", () => {
  const kernel = newKernel();
  const admissions = new Map(PEERS.map(({ name }, index) => [name, admission("198.51.100.1", 1000 + index)]));
  kernel.run(plan(kernel, HUB, admissions));
  const { unusedGroup } = sortOut(kernel.list("ipipou"), identityOf(HUB), NOW);
  kernel.devices.get("tunl0")!.group = unusedGroup;
  const removal = planRemoval(kernel, HUB);
  assert.equal(removal.ip.filter((line) => line.startsWith("link delete ")).length, 1);
  kernel.run(removal);
  assert.deepEqual([...kernel.devices.keys()], ["eth0", "tunl0"]);
});

Deno.test("planTransition() restores the routes that the kernel drops with a tunnel's address", () => {
  const kernel = newKernel();
  const admissions = new Map([["p1", admission("198.51.100.1", 1000)]]);
  kernel.run(plan(kernel, HUB, admissions));
  const peer = PEERS[1]!;
  const peers = [{
    ...peer,
    routes: [...peer.routes.slice(1), "10.3.0.0/16"],
    tunnel: { ...peer.tunnel, ip: "172.28.9.9" },
  }];
  kernel.run(plan(kernel, { ...HUB, peers }, admissions));
  assert.deepEqual(kernel.listRoutes().map(({ dst }) => dst), ["10.2.0.1", "10.3.0.0/16", "172.28.0.3"]);
});

Deno.test("planTransition() moves a route to another peer, and leaves an unused private address alone", () => {
  const kernel = newKernel();
  const admissions = new Map(PEERS.map(({ name }, index) => [name, admission("198.51.100.1", 1000 + index)]));
  kernel.run(plan(kernel, HUB, admissions));
  const [first, second, third] = PEERS;
  const peers = [first!, { ...second!, routes: [] }, { ...third!, routes: second!.routes, allowedIps: null }];
  kernel.run(plan(kernel, { ...HUB, peers }, admissions));
  const routes = kernel.listRoutes().filter(({ protocol }) => protocol !== "kernel");
  assert.deepEqual(routes.map(({ dev }) => dev), ["p2", "p2"]);
  assert.equal(kernel.tables.get("ipipou")!.sets.has("sources-p0"), false);
});

Deno.test("planTransition() shuts out a peer that goes before its tunnel is parked, wherever nobody else comes", () => {
  const kernel = newKernel();
  const here = admission("198.51.100.1", 1001);
  kernel.run(plan(kernel, HUB, new Map([["p0", here]])));
  const { close, ip, open } = plan(kernel, HUB, new Map([["p0", { ...here, remote: null }]]));
  const [shut] = close;
  assert.equal(shut, "delete element ip ipipou remotes-p0 { 198.51.100.1 . 1001 . 10000 }");
  assert.match(ip[0]!, /^link set dev p0 type ipip remote 0\.0\.1\.1 /);
  assert.ok(!open.includes(shut));
});

Deno.test("planTransition() removes a filter's networks before it adds those that overlap with them", () => {
  const kernel = newKernel();
  const withNetwork = (network: string) => ({
    ...HUB,
    peers: PEERS.map((peer) => peer.allowedIps === null ? peer : { ...peer, allowedIps: [network] }),
  });
  const admissions = new Map([["p2", admission("198.51.100.1", 1001)]]);
  kernel.run(plan(kernel, withNetwork("10.3.0.0/16"), admissions));
  const { close, ip, open } = plan(kernel, withNetwork("10.3.1.0/24"), admissions);
  assert.deepEqual([close, ip], [[], []]);
  assert.deepEqual(open.filter((line) => line.includes("sources-")), [
    'delete element ip ipipou sources-p0 { "p2" . 10.3.0.0/16 }',
    'add element ip ipipou sources-p0 { "p2" . 10.3.1.0/24 }',
  ]);
});

Deno.test("planTransition() goes on filtering sources while other rules and devices come", () => {
  const kernel = newKernel();
  const p2 = ["p2", admission("198.51.100.1", 1001)] as const;
  kernel.run(plan(kernel, HUB, new Map([p2])));
  const { close, ip } = plan(
    kernel,
    { ...HUB, nft: { ...HUB.nft, counter: false } },
    new Map([p2, ["p1", admission("198.51.100.1", 1002)]]),
  );
  assert.ok(ip.length > 0);
  kernel.nft(close);
  const keysOf = (set: string) => [...kernel.tables.get("ipipou")!.sets.get(set)!.elements.keys()];
  assert.deepEqual(keysOf("devices-p0"), ['"p2"']);
  assert.equal(keysOf("sources-p0").length, 2);
});

Deno.test("planTransition() leaves no plain IPIP to others while a tunnel that takes it may stand", () => {
  const kernel = newKernel();
  const shared = { ...HUB, peers: PEERS.map((peer, index) => ({ ...peer, sharedIpip: index > 0 })) };
  const place = (port: number) => admission("198.51.100.1", port);
  const [one, both] = [new Map([["p1", place(1001)]]), new Map([["p1", place(1001)], ["p0", place(1000)]])];
  const sharedNow = () => [...kernel.tables.get("ipipou")!.sets.get("shared-p0")!.elements.keys()];
  kernel.run(plan(kernel, shared, one));
  assert.deepEqual(sharedNow(), ["198.51.100.1"]);
  const coming = plan(kernel, shared, both);
  kernel.nft(coming.close);
  assert.deepEqual(sharedNow(), [], "it is taken away before the device comes");
  kernel.run({ ...coming, close: [] });
  assert.deepEqual(sharedNow(), []);
  const leaving = plan(kernel, shared, one);
  kernel.nft(leaving.close);
  assert.deepEqual(sharedNow(), [], "it is given back after the device has gone");
  kernel.run({ ...leaving, close: [] });
  assert.deepEqual(sharedNow(), ["198.51.100.1"]);
});

Deno.test("planTransition() leaves alone what has expired by itself", () => {
  const kernel = newKernel();
  const admissions = new Map([["p0", { ...admission("198.51.100.1", 1001), expiresAt: NOW + 5_000 }]]);
  kernel.run(plan(kernel, HUB, admissions));
  const observed = sortOut(kernel.list("ipipou"), identityOf(HUB), NOW);
  const later = NOW + 6_000;
  const { state } = desiredState({ settings: HUB, outside: OUTSIDE, admissions }, observed, later);
  const { close, ip, open } = planTransition(observed, state, later);
  assert.deepEqual([close, ip, open], [[], [], []]);
});

Deno.test("planTransition() has the gate tell which FOU ports are others', also when nothing else changes", () => {
  const kernel = newKernel();
  const markOf = () => sortOut(kernel.list("ipipou"), identityOf(HUB), NOW).own.gate!.mark;
  kernel.ip("fou add port 10000 ipproto 4 local 192.0.2.1");
  kernel.run(plan(kernel, HUB, new Map()));
  const before = markOf();
  kernel.ip("fou del port 10000 ipproto 4 local 192.0.2.1");
  kernel.run(plan(kernel, HUB, new Map()));
  assert.notEqual(markOf(), before);
});
