import assert from "node:assert/strict";
import fc from "fast-check";
import type { Admission } from "../../../lib/gate.ts";
import { desiredState } from "../../../lib/kernel/desired.ts";
import { identityOf } from "../../../lib/kernel/kernel.ts";
import { sortOut } from "../../../lib/kernel/observe.ts";
import { planTransition, type Transition } from "../../../lib/kernel/plan.ts";
import { EMPTY_STATE } from "../../../lib/kernel/state.ts";
import { formatEndpoint } from "../../../lib/packet.ts";
import type { Peer, Settings } from "../../../lib/settings/settings.ts";
import { samplePeer, sampleSettings } from "../samples.ts";
import { FakeKernel, Refused } from "./fake_kernel.ts";

const NOW = 1_700_000_000_000;
const OUTSIDE = { ip: "192.0.2.1", device: "eth0" };

function newKernel(): FakeKernel {
  const kernel = new FakeKernel();
  kernel.addDevice("eth0", { addresses: [{ local: "192.0.2.1", peer: "192.0.2.1" }] });
  kernel.addDevice("tunl0", { kind: "ipip", remote: "any", local: "any" });
  return kernel;
}

function plan(
  kernel: FakeKernel,
  settings: Settings,
  admissions: ReadonlyMap<string, Admission>,
): Transition {
  const observed = sortOut(kernel.list("ipipou"), identityOf(settings), NOW);
  const { state } = desiredState(settings, OUTSIDE, admissions, observed, NOW);
  return planTransition(observed.own, state, observed.unusedGroup, NOW);
}

function planRemoval(kernel: FakeKernel, settings: Settings): Transition {
  const { own, unusedGroup } = sortOut(kernel.list("ipipou"), identityOf(settings), NOW);
  return planTransition(own, { ...EMPTY_STATE, gate: null }, unusedGroup, NOW);
}

function admission(ip: string, port: number): Admission {
  return { remote: { ip, port }, port: 10_000, expiresAt: null };
}

/** Those whom a gate lets in, as "IP:PORT OWN-PORT", in order. */
function acceptedRemotes(kernel: FakeKernel, name = "p0"): string[] {
  const remotes = kernel.tables.get("ipipou")?.sets.get(`remotes-${name}`) ?? new Map<string, string>();
  return [...remotes.keys()].map((key) => key.replace(" . ", ":").replace(" . ", " ")).sort();
}

/** One with a private address of its own, two with any; one with routes, one with a filter. */
const PEERS: Peer[] = [0, 1, 2].map((index) =>
  samplePeer({
    name: `p${index}`,
    tunnel: { device: `p${index}`, ip: `172.28.0.${index * 2}`, peerIp: `172.28.0.${index * 2 + 1}` },
    altIp: index === 0 ? "172.29.0.0" : null,
    routes: index === 1 ? ["10.1.0.0/16", "10.2.0.1/32"] : [],
    allowedIps: index === 2 ? ["172.28.0.5/32", "10.3.0.0/16"] : null,
  })
);
const HUB = sampleSettings({
  peers: PEERS,
  local: { ip: "192.0.2.1", device: "eth0", ports: [10_000, 10_001] },
});

/** Few addresses and ports, so that peers meet, share, swap, and put each other out. */
const admissionsArbitrary = fc.array(
  fc.option(fc.record({
    ip: fc.constantFrom("198.51.100.1", "198.51.100.2", "198.51.100.3"),
    remotePort: fc.integer({ min: 1001, max: 1003 }),
    port: fc.constantFrom(10_000, 10_001),
    isNowhere: fc.nat(4).map((number) => number === 0),
  })),
  { minLength: 3, maxLength: 3 },
).map((places) => {
  const admissions = new Map<string, Admission>();
  const seen = new Set<string>();
  places.forEach((place, index) => {
    if (place === null) return;
    const { ip, remotePort, port } = place;
    const isNowhere = place.isNowhere || seen.has(`${ip} ${remotePort} ${port}`);
    seen.add(`${ip} ${remotePort} ${port}`);
    const remote = isNowhere ? null : { ip, port: remotePort };
    admissions.set(`p${index}`, { remote, port, expiresAt: null });
  });
  return admissions;
});

/** Those who are to be let in, as "IP:PORT OWN-PORT", in order. */
function wantedRemotes(...admissions: ReadonlyMap<string, Admission>[]): string[] {
  return admissions.flatMap((those) => [...those.values()])
    .flatMap(({ remote, port }) => remote === null ? [] : [`${formatEndpoint(remote)} ${port}`]).sort();
}

Deno.test("planTransition() makes a tunnel with one ip and one nft run", () => {
  const kernel = newKernel();
  const settings = sampleSettings();
  kernel.run(plan(kernel, settings, new Map()));
  const { close, ip, open } = plan(
    kernel,
    settings,
    new Map([["ipipou0", admission("198.51.100.2", 40001)]]),
  );
  assert.deepEqual(close, []);
  assert.deepEqual(ip, [
    "link add name ipipou0 type ipip remote 198.51.100.2 local 192.0.2.1 " +
    "encap fou encap-sport 10000 encap-dport 40001 mode ipip dev eth0",
    "link set dev ipipou0 alias ipipou:ipipou0",
    "address add 172.28.0.0 peer 172.28.0.1 dev ipipou0",
    "link set dev ipipou0 up",
  ]);
  assert.deepEqual(open, [
    "add element ip ipipou remotes-ipipou0 { 198.51.100.2 . 40001 . 10000 : accept }",
    "add element ip ipipou addresses-ipipou0 { 198.51.100.2 }",
  ]);
});

Deno.test("planTransition() sets the gate up before the listener, and removes it after", () => {
  const kernel = newKernel();
  const start = plan(kernel, sampleSettings(), new Map());
  assert.ok(start.close.length > 0 && start.open.length === 0);
  assert.deepEqual(start.ip, ["fou add port 10000 ipproto 4 local 192.0.2.1 dev eth0"]);
  kernel.run(start);
  const stop = planRemoval(kernel, sampleSettings());
  assert.deepEqual(stop.close, []);
  assert.deepEqual(stop.ip, ["fou del port 10000 ipproto 4 local 192.0.2.1 dev eth0"]);
  assert.ok(stop.open.length > 0);
});

Deno.test("planTransition() lets a moving peer in by the new way before it shuts the old one", () => {
  const kernel = newKernel();
  const settings = sampleSettings();
  kernel.run(plan(kernel, settings, new Map([["ipipou0", admission("198.51.100.2", 40001)]])));
  const move = plan(kernel, settings, new Map([["ipipou0", admission("198.51.100.2", 40002)]]));
  assert.deepEqual(move.close, []);
  assert.equal(move.ip.length, 1);
  assert.ok(
    move.open.includes("add element ip ipipou remotes-ipipou0 { 198.51.100.2 . 40002 . 10000 : accept }"),
  );
  assert.ok(move.open.includes("delete element ip ipipou remotes-ipipou0 { 198.51.100.2 . 40001 . 10000 }"));
});

Deno.test("planTransition() renews a lifetime in one transaction and nothing else", () => {
  const kernel = newKernel();
  const settings = sampleSettings();
  const remote = { ip: "198.51.100.2", port: 40001 };
  kernel.run(
    plan(kernel, settings, new Map([["ipipou0", { remote, port: 10_000, expiresAt: NOW + 5_000 }]])),
  );
  const renewal = plan(
    kernel,
    settings,
    new Map([["ipipou0", { remote, port: 10_000, expiresAt: NOW + 60_000 }]]),
  );
  assert.deepEqual([renewal.close, renewal.ip], [[], []]);
  assert.match(renewal.open.at(-1)!, /timeout 60s0ms : accept/);
});

Deno.test("planTransition() shuts out a peer whose lifetime is over, and keeps its tunnel", () => {
  const kernel = newKernel();
  const settings = sampleSettings();
  const remote = { ip: "198.51.100.2", port: 40001 };
  kernel.run(plan(kernel, settings, new Map([["ipipou0", { remote, port: 10_000, expiresAt: null }]])));
  kernel.run(plan(kernel, settings, new Map([["ipipou0", { remote, port: 10_000, expiresAt: NOW - 1 }]])));
  assert.deepEqual(kernel.tables.get("ipipou")?.sets.get("remotes-ipipou0"), new Map());
  assert.ok(kernel.devices.has("ipipou0"));
});

Deno.test("planTransition() replaces a gate that lost a rule", () => {
  const kernel = newKernel();
  kernel.run(plan(kernel, sampleSettings(), new Map()));
  kernel.tables.get("ipipou")!.chains.get("fou-ipipou0")!.rules.pop();
  const repair = plan(kernel, sampleSettings(), new Map());
  assert.ok(repair.open.some((line) => line.startsWith("add rule ip ipipou fou-ipipou0")));
  kernel.run(repair);
  assert.deepEqual(plan(kernel, sampleSettings(), new Map()).open, []);
});

Deno.test("planTransition() leaves a foreign listener and a foreign private address alone", () => {
  const kernel = newKernel();
  const settings = sampleSettings({ peers: [samplePeer({ forceAlt: true })] });
  const admissions = new Map([["ipipou0", admission("198.51.100.2", 40001)]]);
  kernel.ip("fou add port 10000 ipproto 4 local 192.0.2.1");
  kernel.ip("address add 172.29.0.0/32 dev eth0 scope global");
  kernel.run(plan(kernel, settings, admissions));
  assert.deepEqual(plan(kernel, settings, admissions).ip, []);
  kernel.run(planRemoval(kernel, settings));
  assert.deepEqual([...kernel.listeners.keys()], ["192.0.2.1:10000"]);
  assert.deepEqual(kernel.devices.get("eth0")!.addresses.map(({ local }) => local), [
    "192.0.2.1",
    "172.29.0.0",
  ]);
});

Deno.test("planTransition() adds a private address alone, not its network, and deletes it so", () => {
  const kernel = newKernel();
  const settings = sampleSettings({ peers: [samplePeer({ forceAlt: true })] });
  const make = plan(kernel, settings, new Map([["ipipou0", admission("198.51.100.2", 40001)]]));
  assert.ok(make.ip.includes("address add 172.29.0.0/32 dev eth0 scope global"));
  kernel.run(make);
  assert.ok(planRemoval(kernel, settings).ip.includes("address delete 172.29.0.0/32 dev eth0"));
});

Deno.test("planTransition() changes no more of a tunnel that stands than the settings did", () => {
  const kernel = newKernel();
  const admissions = new Map([["ipipou0", admission("198.51.100.2", 40001)]]);
  kernel.run(plan(kernel, sampleSettings(), admissions));
  const change = (fields: Partial<Settings>) => {
    const { ip } = plan(kernel, sampleSettings(fields), admissions);
    ip.forEach((line) => kernel.ip(line));
    assert.deepEqual(plan(kernel, sampleSettings(fields), admissions).ip, []);
    return ip;
  };
  const set = "link set dev ipipou0 type ipip remote 198.51.100.2 local 192.0.2.1 " +
    "encap fou encap-sport 10000 encap-dport 40001";
  assert.deepEqual(change({ encapCsum: false }), []);
  assert.deepEqual(change({ encapCsum: true }), [`${set} encap-csum`]);
  assert.deepEqual(change({ encapCsum: null }), [`${set} noencap-csum`]);
  assert.deepEqual(change({ encapCsum: true }), [`${set} encap-csum`]);
  assert.deepEqual(change({ encapCsum: false }), [`${set} noencap-csum`]);
  const inner = (ip: string, peerIp: string) =>
    change({ peers: [samplePeer({ tunnel: { device: "ipipou0", ip, peerIp } })] });
  assert.deepEqual(inner("172.28.0.0", "172.28.0.9"), [
    "address delete 172.28.0.0 peer 172.28.0.1 dev ipipou0",
    "address add 172.28.0.0 peer 172.28.0.9 dev ipipou0",
  ]);
  assert.deepEqual(inner("172.28.0.8", "172.28.0.9"), [
    "address delete 172.28.0.0 peer 172.28.0.9 dev ipipou0",
    "address add 172.28.0.8 peer 172.28.0.9 dev ipipou0",
  ]);
});

Deno.test("planTransition() makes a tunnel anew where it is to be bound to another device", () => {
  const kernel = newKernel();
  const admissions = new Map([["ipipou0", admission("198.51.100.2", 40001)]]);
  kernel.run(plan(kernel, sampleSettings(), admissions));
  const unbound = sampleSettings({ local: { ip: "192.0.2.1", device: null, ports: [10_000] } });
  kernel.run(plan(kernel, unbound, admissions));
  const { link, up, addresses } = kernel.devices.get("ipipou0")!;
  assert.deepEqual([link, up, addresses.length], [null, true, 1]);
  assert.deepEqual([...kernel.listeners], [["192.0.2.1:10000", null]]);
  assert.deepEqual(plan(kernel, unbound, admissions).ip, []);
});

Deno.test("planTransition() gives a peer a private address where another's tunnel has the place", () => {
  const kernel = newKernel();
  kernel.addDevice("other", { kind: "ipip", remote: "198.51.100.2", local: "192.0.2.1" });
  kernel.run(plan(kernel, sampleSettings(), new Map([["ipipou0", admission("198.51.100.2", 40001)]])));
  assert.equal(kernel.devices.get("ipipou0")!.local, "172.29.0.0");
});

/** What every admission brings, wherever the peer is. */
function checkSurroundings(kernel: FakeKernel, admissions: ReadonlyMap<string, Admission>): void {
  const routes = [...kernel.routes].map(([dst, { dev, protocol }]) => `${dst} ${dev} ${protocol}`);
  assert.deepEqual(routes, admissions.has("p1") ? ["10.1.0.0/16 p1 201", "10.2.0.1 p1 201"] : []);
  const sources = [...kernel.tables.get("ipipou")!.sets.get("sources-p0")!.keys()].sort();
  assert.deepEqual(sources, admissions.has("p2") ? ['"p2" . 10.3.0.0/16', '"p2" . 172.28.0.5'] : []);
  const isAway = (device: string) => kernel.devices.get(device)!.local.startsWith("127.");
  for (const [name, { remote }] of admissions) assert.equal(isAway(name), remote === null);
}

Deno.test("planTransition() leads from any admissions to any others, and then to nothing to do", () => {
  fc.assert(
    fc.property(fc.array(admissionsArbitrary, { minLength: 1, maxLength: 6 }), (history) => {
      const kernel = newKernel();
      for (const admissions of history) {
        kernel.run(plan(kernel, HUB, admissions));
        const again = plan(kernel, HUB, admissions);
        assert.deepEqual([...again.close, ...again.ip, ...again.open], []);
        assert.deepEqual(acceptedRemotes(kernel), wantedRemotes(admissions));
        checkSurroundings(kernel, admissions);
      }
      kernel.run(planRemoval(kernel, HUB));
      assert.deepEqual([...kernel.devices.keys()], ["eth0", "tunl0"]);
      assert.equal(kernel.devices.get("eth0")!.addresses.length, 1);
      assert.equal(kernel.listeners.size, 0);
      assert.deepEqual(kernel.tables.get("ipipou"), { chains: new Map(), sets: new Map() });
    }),
    { numRuns: 300 },
  );
});

/** Carries out a plan up to its step `killAt`. At no step anyone but these is let in. */
function runKilled(
  kernel: FakeKernel,
  transition: Transition,
  killAt: number,
  allowed: Iterable<string>,
): void {
  const crash = new Error("killed");
  const started = kernel.count;
  const keys = new Set(allowed);
  try {
    kernel.run(transition, () => {
      for (const key of acceptedRemotes(kernel)) assert.ok(keys.has(key), `${key} was let in`);
      if (kernel.count - started >= killAt) throw crash;
    });
  } catch (error) {
    if (error !== crash) throw error;
  }
}

/** Goes on from whatever there is to what follows from these, and from there to nothing. */
function goOn(kernel: FakeKernel, admissions: ReadonlyMap<string, Admission>): void {
  kernel.run(plan(kernel, HUB, admissions));
  const again = plan(kernel, HUB, admissions);
  assert.deepEqual([...again.close, ...again.ip, ...again.open], []);
  kernel.run(planRemoval(kernel, HUB));
  assert.deepEqual([...kernel.devices.keys()], ["eth0", "tunl0"]);
  assert.equal(kernel.listeners.size, 0);
  assert.equal(kernel.devices.get("eth0")!.addresses.length, 1);
}

Deno.test("planTransition() finds the way on after a crash between any two changes", () => {
  fc.assert(
    fc.property(admissionsArbitrary, admissionsArbitrary, fc.nat(25), (before, after, killAt) => {
      const kernel = newKernel();
      kernel.run(plan(kernel, HUB, before));
      runKilled(kernel, plan(kernel, HUB, after), killAt, wantedRemotes(before, after));
      goOn(kernel, after);
    }),
    { numRuns: 500 },
  );
});

Deno.test("planTransition() and planRemoval() find the way on after a crash amid a removal", () => {
  fc.assert(
    fc.property(admissionsArbitrary, admissionsArbitrary, fc.nat(25), (before, after, killAt) => {
      const kernel = newKernel();
      kernel.run(plan(kernel, HUB, before));
      runKilled(kernel, planRemoval(kernel, HUB), killAt, wantedRemotes(before, before));
      goOn(kernel, after);
    }),
    { numRuns: 500 },
  );
});

Deno.test("planTransition() finds the way on, and the way back, after a crash amid a change of settings", () => {
  const admissions = new Map([["ipipou0", admission("198.51.100.2", 40001)]]);
  const here = sampleSettings();
  const tunnel = { device: "ipipou0", ip: "172.30.0.1", peerIp: "172.30.0.2" };
  const there = sampleSettings({ encapCsum: true, peers: [samplePeer({ tunnel, forceAlt: true })] });
  for (const next of [here, there]) {
    let isWhole = false;
    for (let killAt = 1; !isWhole; killAt++) {
      const kernel = newKernel();
      kernel.run(plan(kernel, here, admissions));
      const crash = new Error("killed");
      let steps = 0;
      try {
        kernel.run(plan(kernel, there, admissions), () => {
          if (++steps > killAt) throw crash;
        });
        isWhole = true;
        assert.ok(steps > 5, `just ${steps} steps`);
      } catch (error) {
        if (error !== crash) throw error;
      }
      kernel.run(plan(kernel, next, admissions));
      const again = plan(kernel, next, admissions);
      assert.deepEqual([...again.close, ...again.ip, ...again.open], []);
      const { ip, peerIp } = next.peers[0]!.tunnel;
      assert.deepEqual(kernel.devices.get("ipipou0")!.addresses, [{ local: ip, peer: peerIp }]);
    }
  }
});

Deno.test("FakeKernel refuses two devices with the same outer addresses, as the kernel does", () => {
  const kernel = newKernel();
  const words =
    "type ipip remote 198.51.100.2 local 192.0.2.1 encap fou encap-sport 1 encap-dport 2 mode ipip";
  kernel.ip(`link add name a ${words}`);
  assert.throws(() => kernel.ip(`link add name b ${words}`), Refused);
});

Deno.test("planTransition() deletes rules of version 0.1 when the gate comes, and leaves them when it goes", () => {
  const settings = sampleSettings();
  const kernel = newKernel();
  const observed = sortOut(kernel.list("ipipou"), identityOf(settings), NOW);
  const own = { ...observed.own, obsoleteRules: new Set(["nfq handle 4"]) };
  const { state } = desiredState(settings, OUTSIDE, new Map(), { ...observed, own }, NOW);
  const deletion = "delete rule ip ipipou nfq handle 4";
  const { close } = planTransition(own, state, 1, NOW);
  assert.deepEqual(close.filter((command) => command.startsWith("delete")), [deletion]);
  const removal = planTransition({ ...state, ...own }, { ...EMPTY_STATE, gate: null }, 1, NOW);
  assert.ok(![...removal.close, ...removal.open].includes(deletion));
});

Deno.test("planTransition() moves gate, listener and tunnels, and no listener is ever without its gate", () => {
  const places: Settings["local"][] = [
    { ip: "192.0.2.1", device: "eth0", ports: [10000] },
    { ip: "192.0.2.1", device: "eth0", ports: [10009] },
    { ip: "192.0.2.1", device: null, ports: [10009] },
    { ip: "192.0.2.1", device: "eth0", ports: [10000, 10009] },
    { ip: "192.0.2.7", device: "eth0", ports: [10000] },
    { ip: "192.0.2.7", device: "eth0", ports: [10008, 10009] },
  ];
  const kernel = newKernel();
  const identity = identityOf(sampleSettings());
  const look = () => sortOut(kernel.list("ipipou"), identity, NOW);
  const gatePlaces = () => {
    const rule = kernel.tables.get("ipipou")?.chains.get("gate-ipipou0")?.rules[0] ?? "";
    const [, device, ip, ports] =
      /^(?:iifname "(\w+)" )?ip daddr (\S+) udp dport \{? ?([\d, ]+)/.exec(rule) ?? [];
    return new Map(ports?.trim().split(", ").map((port) => [`${ip}:${port}`, device ?? null]));
  };
  const check = () => {
    for (const [key, device] of kernel.listeners) assert.equal(gatePlaces().get(key), device, key);
  };
  for (const local of [...places, places[1]!, places[3]!, ...places]) {
    const settings = sampleSettings({ local });
    const observed = look();
    const came = new Map([["ipipou0", { ...admission("198.51.100.2", 40001), port: local.ports[0] }]]);
    const outside = { ip: local.ip!, device: "eth0" };
    const { state } = desiredState(settings, outside, came, observed, NOW);
    kernel.run(planTransition(observed.own, state, observed.unusedGroup, NOW), check);
    check();
    const wanted = local.ports.map((port) => [`${local.ip}:${port}`, local.device]);
    assert.deepEqual([...kernel.listeners].sort(), wanted);
    assert.deepEqual(look().own.tunnels.get("ipipou0")?.local, { ip: local.ip, port: local.ports[0] });
    assert.deepEqual(acceptedRemotes(kernel, "ipipou0"), [`198.51.100.2:40001 ${local.ports[0]}`]);
  }
});

Deno.test("planTransition() changes rules in one transaction that keeps whoever is admitted", () => {
  const kernel = newKernel();
  const admissions = new Map([["ipipou0", admission("198.51.100.2", 40001)]]);
  kernel.run(plan(kernel, sampleSettings(), admissions));
  for (
    const fields of [{ queue: { number: 9, maxLength: 24 } }, { nft: { table: "ipipou", counter: false } }]
  ) {
    const { withdraw, close, ip, open } = plan(kernel, sampleSettings(fields), admissions);
    assert.deepEqual([withdraw, close, ip], [[], [], []]);
    kernel.nft(open);
    assert.deepEqual(acceptedRemotes(kernel, "ipipou0"), ["198.51.100.2:40001 10000"]);
    assert.deepEqual(plan(kernel, sampleSettings(fields), admissions).open, []);
  }
});

Deno.test("planTransition() parks one of two that change places, and lets neither's packets into the other's tunnel", () => {
  const kernel = newKernel();
  const at = (a: number, b: number) =>
    new Map([["p0", admission("198.51.100.1", 1000 + a)], ["p1", admission("198.51.100.2", 1000 + b)]]);
  const [home, swapped] = [at(1, 2), new Map([["p0", at(1, 2).get("p1")!], ["p1", at(1, 2).get("p0")!]])];
  kernel.run(plan(kernel, HUB, home));
  const { close, ip, open } = plan(kernel, HUB, swapped);
  const both = "198.51.100.1 . 1001 . 10000, 198.51.100.2 . 1002 . 10000";
  assert.deepEqual(close, [`delete element ip ipipou remotes-p0 { ${both} }`]);
  const place = (device: string, remote: string, local: string) =>
    `link set dev ${device} type ipip remote ${remote} local ${local} encap fou encap-sport 10000`;
  assert.deepEqual(ip.map((line) => line.replace(/ encap-dport.*/, "")), [
    place("p0", "0.0.1.1", "127.172.28.0"),
    place("p1", "198.51.100.1", "192.0.2.1"),
    place("p0", "198.51.100.2", "192.0.2.1"),
  ]);
  assert.equal(open.length, 1);
  assert.match(open[0]!, /^add element .* : accept, .* : accept \}$/);
  const moved = plan(kernel, HUB, at(3, 2));
  assert.deepEqual(moved.close, []);
});

Deno.test("planTransition() shuts out who is put out before its tunnel is parked", () => {
  const kernel = newKernel();
  const here = admission("198.51.100.1", 1001);
  kernel.run(plan(kernel, HUB, new Map([["p0", here]])));
  const { close, ip } = plan(kernel, HUB, new Map([["p0", { ...here, remote: null }], ["p1", here]]));
  assert.deepEqual(close, ["delete element ip ipipou remotes-p0 { 198.51.100.1 . 1001 . 10000 }"]);
  assert.match(ip[0]!, /^link set dev p0 type ipip remote 0\.0\.1\.1 local 127\.172\.28\.0 /);
});

Deno.test("planTransition() deletes all devices that go at once, and no other", () => {
  const kernel = newKernel();
  const admissions = new Map(PEERS.map(({ name }, index) => [name, admission("198.51.100.1", 1000 + index)]));
  kernel.run(plan(kernel, HUB, admissions));
  const { unusedGroup } = sortOut(kernel.list("ipipou"), identityOf(HUB), NOW);
  kernel.devices.get("tunl0")!.group = String(unusedGroup);
  const removal = planRemoval(kernel, HUB);
  assert.equal(removal.ip.filter((line) => line.startsWith("link delete ")).length, 1);
  kernel.run(removal);
  assert.deepEqual([...kernel.devices.keys()], ["eth0", "tunl0"]);
});

Deno.test("planTransition() puts back the routes that the kernel drops with a tunnel's address", () => {
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
  assert.deepEqual([...kernel.routes.keys()], ["10.2.0.1", "10.3.0.0/16"]);
});

Deno.test("planTransition() gives a route to another peer, and nobody's private address to the host", () => {
  const kernel = newKernel();
  const admissions = new Map(PEERS.map(({ name }, index) => [name, admission("198.51.100.1", 1000 + index)]));
  kernel.run(plan(kernel, HUB, admissions));
  const [first, second, third] = PEERS;
  const peers = [first!, { ...second!, routes: [] }, { ...third!, routes: second!.routes, allowedIps: null }];
  kernel.run(plan(kernel, { ...HUB, peers }, admissions));
  assert.deepEqual([...kernel.routes.values()].map(({ dev }) => dev), ["p2", "p2"]);
  assert.equal(kernel.tables.get("ipipou")!.sets.has("sources-p0"), false);
});
