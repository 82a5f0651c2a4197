import assert from "node:assert/strict";
import { EXIT } from "../../../lib/errors.ts";
import { desiredState } from "../../../lib/kernel/desired.ts";
import type { Admission } from "../../../lib/admission.ts";
import { EMPTY_STATE, type KernelState, type Observed, pairKey } from "../../../lib/kernel/state.ts";
import { sampleObserved, samplePeer, sampleSettings } from "../samples.ts";
import { desire, desireAll, HERE, HOME, HUB, listening, NOW, OUTSIDE, PEERS } from "./desired_scene.ts";

Deno.test("desiredState() leaves a foreign listener alone and says so in its marks", () => {
  for (const taken of ["192.0.2.1:10000", "0.0.0.0:10000"]) {
    const { tunnels, listeners, gate } = desire(HUB, { a: HERE }, { listeners: listening(taken) });
    assert.equal(listeners.size, 0);
    assert.equal(tunnels.get("a")?.alias, "ipipou:a:foreign-listener-10000:mtu-1472");
    assert.equal(gate?.mark, "ipipou:a:foreign-listener-10000");
  }
  const { listeners, gate } = desire(HUB, {}, { listeners: listening("0.0.0.0:10001", "192.0.2.9:10000") });
  assert.equal(listeners.size, 1);
  assert.equal(gate?.mark, "ipipou:a");
});

Deno.test("desiredState() shares a FOU port that another instance claims, and adds it if it is gone", () => {
  const claims = new Map([["192.0.2.1:10000", "other"]]);
  const shared = desire(HUB, { a: HERE }, { listeners: listening("192.0.2.1:10000"), claims });
  assert.equal(shared.listeners.size, 0);
  assert.deepEqual([shared.tunnels.get("a")?.alias, shared.gate?.mark], ["ipipou:a:mtu-1472", "ipipou:a"]);
  assert.equal(desire(HUB, { a: HERE }, { claims }).listeners.size, 1);
});

Deno.test("desiredState() leaves a foreign private address alone and says so in the tunnel's mark", () => {
  const peers = [samplePeer({ name: "a", forceAlt: true })];
  const addresses = new Map([["172.29.0.0", "lo"], ["192.0.2.1", "eth0"]]);
  const { tunnels, altAddresses } = desire(sampleSettings({ peers }), { a: HERE }, { addresses });
  assert.equal(altAddresses.size, 0);
  assert.equal(tunnels.get("a")?.alias, "ipipou:a:foreign-address:mtu-1472");
  const others = desire(HUB, { a: HERE }, { addresses });
  assert.equal(others.tunnels.get("a")?.alias, "ipipou:a:mtu-1472");
});

Deno.test("desiredState() avoids the address pair of a foreign device", () => {
  const pairs = new Set([pairKey("192.0.2.1", HOME.ip)]);
  assert.equal(desire(HUB, { a: HERE }, { pairs }).tunnels.get("a")?.local.ip, "172.29.0.0");
});

Deno.test("desiredState() has no tunnel where a foreign object is in the way, and all others", () => {
  const peers = PEERS.map((peer) => ({ ...peer, routes: [`10.${peer.name === "a" ? 1 : 2}.0.0/16`] }));
  const settings = sampleSettings({ peers });
  const both = { a: HERE, b: { ...HERE, remote: { ...HOME, port: 40_002 } } };
  const cases: [Partial<Observed["foreign"]>, RegExp][] = [
    [{ devices: new Map([["a", "dummy"]]) }, /device a: there is a device of this name .* \(dummy\)/],
    [{ routes: new Map([["10.1.0.0/16", "eth1"]]) }, /route 10\.1\.0\.0\/16 into a: .* \(dev eth1\)/],
    [
      { routes: new Map([["10.1.0.0/16", ""]]) },
      /route 10\.1\.0\.0\/16 into a: there is a route to it that is not ours;/,
    ],
    [{
      pairs: new Set([pairKey("192.0.2.1", HOME.ip), pairKey("172.29.0.0", HOME.ip)]),
    }, /tunnel of a to 198\.51\.100\.2: another tunnel leads there from its private address 172\.29\.0\.0/],
  ];
  for (const [foreign, message] of cases) {
    const { state, faults } = desireAll(settings, both, foreign);
    assert.deepEqual([...state.tunnels.keys()], ["b"]);
    assert.deepEqual([...state.gate!.remotes.keys()], ["198.51.100.2:40002 10000"]);
    assert.deepEqual([...faults.keys()], ["a"]);
    assert.match(faults.get("a")!.message, message);
    assert.equal(faults.get("a")!.exitCode, EXIT.ipLink);
  }
  const added = desire(settings, both, { routes: new Map([["10.1.0.0/16", "a"]]) });
  assert.deepEqual(added.tunnels.get("a")?.routes, []);
});

Deno.test("desiredState() keeps out peers whose own packets would be routed into a tunnel, unless that has a device", () => {
  const peers = HUB.peers.map((peer) => peer.name === "a" ? { ...peer, routes: ["198.51.100.0/24"] } : peer);
  const local = { ip: OUTSIDE.ip, device: null, ports: [10_000] as const };
  const settings = { ...HUB, peers, local };
  const inside = { a: HERE, b: { ...HERE, remote: { ip: "198.51.100.9", port: 1 } } };
  const { faults, state } = desireAll(settings, inside);
  const words = (ip: string, of: string) =>
    `Cannot make the tunnel to ${ip}: that address is in the network 198.51.100.0/24${of} (--routes), so the ` +
    "tunnel's own packets would be routed into a tunnel; give networks without it, or a device to send by: " +
    "--fou-local 192.0.2.1@eth0";
  assert.deepEqual([...faults].map(([name, { message }]) => [name, message]), [
    ["a", words("198.51.100.2", "")],
    ["b", words("198.51.100.9", " of a")],
  ]);
  assert.deepEqual([state.tunnels.size, state.gate?.remotes.size], [0, 0]);
  const outside = { a: { ...HERE, remote: { ip: "203.0.113.2", port: 1 } }, b: inside.b };
  assert.deepEqual([...desireAll(settings, outside).faults.keys()], ["b"]);
  assert.equal(desire({ ...settings, local: { ...local, device: "eth0" } }, inside).tunnels.size, 2);
  const marked = { ...settings, fouMark: 0x66 };
  const admissions = new Map(Object.entries(inside));
  const tunnelsFrom = (outside: Partial<typeof OUTSIDE>) =>
    desiredState(
      { settings: marked, outside: { ...OUTSIDE, link: null, ...outside }, admissions },
      sampleObserved({ hostAddresses: new Map([["eth0", ["192.0.2.1"]]]) }),
      NOW,
    ).state.tunnels.size;
  assert.deepEqual([{}, { isRuled: true }, { isMarkRuled: true }].map(tunnelsFrom), [0, 2, 2]);
  assert.equal(
    desire(settings, { a: { ...HERE, remote: null }, b: { ...HERE, remote: null } }).tunnels.size,
    2,
  );
});

Deno.test("desiredState() keeps out a peer whose inner address is where peers are outside, and who comes to be where one stands", () => {
  const local = { ip: OUTSIDE.ip, device: null, ports: [10_000] as const };
  const peers = HUB.peers.map((peer) =>
    peer.name === "a" ? { ...peer, tunnel: { ...peer.tunnel, peerIp: HOME.ip } } : peer
  );
  const settings = { ...HUB, peers, local };
  const wanted = (admissions: Readonly<Record<string, Admission>>, own: KernelState = EMPTY_STATE) =>
    desiredState(
      { settings, outside: { ...OUTSIDE, link: null }, admissions: new Map(Object.entries(admissions)) },
      sampleObserved({ own, hostAddresses: new Map([["eth0", [OUTSIDE.ip]]]) }),
      NOW,
    );
  const elsewhere = { ...HERE, remote: { ip: "203.0.113.2", port: 1 } };
  const outOf = (...args: Parameters<typeof wanted>) => [...wanted(...args).faults.keys()];
  assert.deepEqual(outOf({ a: elsewhere, b: elsewhere }), []);
  assert.deepEqual(outOf({ a: HERE }), ["a"]);
  assert.deepEqual(outOf({ a: HERE, b: { ...HERE, port: 1 } }), ["a"], "not its neighbour");
  assert.deepEqual(outOf({ a: elsewhere, b: HERE }), ["a"], "which did not come first");
  assert.deepEqual(outOf({ a: { ...HERE, remote: null }, b: HERE }), ["a"]);
  const before = wanted({ a: elsewhere }).state;
  assert.deepEqual(outOf({ a: elsewhere, b: HERE }, before), ["b"], "it may be no more than a forged source");
  assert.match(
    wanted({ a: elsewhere, b: HERE }).faults.get("a")!.message,
    /^Cannot make the tunnel device a: its far address in the tunnel, 198\.51\.100\.2 \(--tunl-peer-ip\), is where b is outside of it, .*; give another one, or a device to send by: --fou-local 192\.0\.2\.1@eth0$/,
  );
  assert.deepEqual(
    [...desireAll({ ...settings, local: { ...local, device: "eth0" } }, { a: HERE }).faults],
    [],
  );
});

Deno.test("desiredState() gives no peer the private address that belongs to another", () => {
  const peers = [PEERS[0]!, { ...PEERS[1]!, altIp: null, forceAlt: true }];
  const { tunnels } = desire(sampleSettings({ peers }), { b: HERE });
  assert.equal(tunnels.get("b")?.local.ip, "172.29.0.1");
});

Deno.test("desiredState() leaves tunnels as they are while their device is gone, and makes none", () => {
  const observed = sampleObserved({ hostAddresses: new Map([["eth0", ["192.0.2.1"]]]) });
  const wanted = { settings: HUB, outside: OUTSIDE, admissions: new Map([["a", HERE], ["b", HERE]]) };
  const standing = desiredState(wanted, observed, NOW).state.tunnels.get("a")!;
  const found = { ...standing, link: "if7" };
  const own = { ...observed.own, tunnels: new Map([["a", found]]) };
  const gone = { ...observed, own, hostAddresses: new Map([["eth1", ["192.0.2.1"]]]) };
  const { state, faults } = desiredState(wanted, gone, NOW);
  assert.deepEqual(state.tunnels, new Map([["a", found]]));
  assert.deepEqual(faults, new Map());
  const back = { ...observed, own };
  assert.deepEqual(desiredState(wanted, back, NOW).state.tunnels.get("a")!.link, "eth0");
});

Deno.test("desiredState() parks peers with private addresses while the own address is gone, unless a device is said", () => {
  const admissions = { a: HERE, b: { ...HERE, remote: { ...HOME, port: 40_002 } } };
  const remotesAt = (ip: string, link: string | null) => {
    const observed = sampleObserved({ hostAddresses: new Map([["eth0", [ip]], ["eth1", ["203.0.113.1"]]]) });
    const wanted = {
      settings: HUB,
      outside: { ...OUTSIDE, link },
      admissions: new Map(Object.entries(admissions)),
    };
    const { state: { tunnels, altAddresses } } = desiredState(wanted, observed, NOW);
    return [...["a", "b"].map((name) => tunnels.get(name)!.remote.ip), altAddresses.size];
  };
  assert.deepEqual(remotesAt("192.0.2.1", null), [HOME.ip, HOME.ip, 1]);
  assert.deepEqual(remotesAt("192.0.2.9", null), [HOME.ip, "0.0.1.3", 0]);
  assert.deepEqual(remotesAt("192.0.2.9", "eth0"), [HOME.ip, HOME.ip, 1]);
});
