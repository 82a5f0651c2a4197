import assert from "node:assert/strict";
import { desiredState } from "../../../lib/kernel/desired.ts";
import { identityOf } from "../../../lib/kernel/identity.ts";
import { sortOut } from "../../../lib/kernel/observe.ts";
import { planTransition } from "../../../lib/kernel/plan.ts";
import { EMPTY_STATE } from "../../../lib/kernel/state.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import { asLines } from "../fake/lines.ts";
import { samplePeer, sampleSettings } from "../samples.ts";
import { acceptedRemotes, admission, newKernel, NOW, OUTSIDE, plan, planRemoval } from "./plan_scene.ts";

Deno.test("planTransition() makes a tunnel between two transactions", () => {
  const kernel = newKernel();
  const settings = sampleSettings();
  kernel.run(plan(kernel, settings, new Map()));
  const { close, ip, open } = plan(
    kernel,
    settings,
    new Map([["ipipou0", admission("198.51.100.2", 40001)]]),
  );
  assert.deepEqual(close, ["add element ip ipipou addresses-ipipou0 { 198.51.100.2 }"]);
  assert.deepEqual(ip, [
    "link add name ipipou0 mtu 1472 type ipip remote 198.51.100.2 local 192.0.2.1 ttl 64 tos 0x00 pmtudisc fwmark 0 " +
    "encap fou encap-sport 10000 encap-dport 40001 noencap-csum mode ipip dev eth0",
    "link set dev ipipou0 alias ipipou:ipipou0:mtu-1472",
    "address add 172.28.0.0 peer 172.28.0.1 dev ipipou0",
    "link set dev ipipou0 up",
  ]);
  assert.deepEqual(open, [
    "add element ip ipipou remotes-ipipou0 { 198.51.100.2 . 40001 . 10000 : accept }",
    "add element ip ipipou endpoints-ipipou0 { 198.51.100.2 . 40001 }",
  ]);
});

Deno.test("planTransition() makes the gate before the listener, and removes it after", () => {
  const kernel = newKernel();
  const start = plan(kernel, sampleSettings(), new Map());
  assert.ok(start.close.length > 0 && start.open.length === 0);
  assert.deepEqual(start.ip, ["fou add port 10000 ipproto 4 local 192.0.2.1"]);
  kernel.run(start);
  const stop = planRemoval(kernel, sampleSettings());
  assert.deepEqual(stop.close, []);
  assert.deepEqual(stop.ip, ["fou del port 10000 ipproto 4 local 192.0.2.1"]);
  assert.ok(stop.open.length > 0);
});

Deno.test("planTransition() lets a moving peer in at its new place before it shuts out the old one", () => {
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

Deno.test("planTransition() renews a lifetime with one transaction and nothing else", () => {
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

Deno.test("planTransition() renews a lifetime that has ended, although the kernel counted it from a later moment", () => {
  const kernel = newKernel({ updatesTimeouts: false });
  const admitted = (expiresAt: number) =>
    new Map([["ipipou0", { remote: { ip: "198.51.100.2", port: 40001 }, port: 10_000, expiresAt }]]);
  kernel.run(plan(kernel, sampleSettings(), admitted(NOW + 5_000)));
  const late = NOW + 5_001;
  kernel.run(plan(kernel, sampleSettings(), admitted(late + 60_000), late));
  const { elements } = kernel.tables.get("ipipou")!.sets.get("remotes-ipipou0")!;
  assert.deepEqual([...elements.values()].map(({ timeout }) => timeout), [60_000]);
});

Deno.test("planTransition() shuts out a peer whose admission expired, and keeps its tunnel", () => {
  const kernel = newKernel();
  const settings = sampleSettings();
  const remote = { ip: "198.51.100.2", port: 40001 };
  kernel.run(plan(kernel, settings, new Map([["ipipou0", { remote, port: 10_000, expiresAt: null }]])));
  kernel.run(plan(kernel, settings, new Map([["ipipou0", { remote, port: 10_000, expiresAt: NOW - 1 }]])));
  assert.deepEqual(acceptedRemotes(kernel, "ipipou0"), []);
  assert.ok(kernel.tables.get("ipipou")?.sets.has("remotes-ipipou0"));
  assert.ok(kernel.devices.has("ipipou0"));
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

Deno.test("planTransition() adds and deletes a private address as a /32", () => {
  const kernel = newKernel();
  const settings = sampleSettings({ peers: [samplePeer({ forceAlt: true })] });
  const make = plan(kernel, settings, new Map([["ipipou0", admission("198.51.100.2", 40001)]]));
  assert.ok(make.ip.includes("address add 172.29.0.0/32 dev eth0 scope global"));
  kernel.run(make);
  assert.ok(planRemoval(kernel, settings).ip.includes("address delete 172.29.0.0/32 dev eth0"));
});

Deno.test("planTransition() changes only what differs of a tunnel that stands", () => {
  const kernel = newKernel();
  const admissions = new Map([["ipipou0", admission("198.51.100.2", 40001)]]);
  kernel.run(plan(kernel, sampleSettings(), admissions));
  const change = (fields: Partial<Settings>) => {
    const { ip } = plan(kernel, sampleSettings(fields), admissions);
    ip.forEach((line) => kernel.ip(line));
    assert.deepEqual(plan(kernel, sampleSettings(fields), admissions).ip, []);
    return ip;
  };
  const set = (mark: number, checksum: "encap-csum" | "noencap-csum", mtu = "") =>
    `link set dev ipipou0${mtu} type ipip remote 198.51.100.2 local 192.0.2.1 ttl 64 tos 0x00 pmtudisc ` +
    `fwmark ${mark} encap fou encap-sport 10000 encap-dport 40001 ${checksum}`;
  assert.deepEqual(change({ encapCsum: false }), []);
  assert.deepEqual(change({ fouMark: 0x66 }), [set(102, "noencap-csum", " mtu 1472")]);
  assert.deepEqual(change({ fouMark: 7, encapCsum: true }), [set(7, "encap-csum", " mtu 1472")]);
  assert.deepEqual(change({ fouMark: 0, encapCsum: false }), [set(0, "noencap-csum", " mtu 1472")]);
  assert.deepEqual(change({ encapCsum: true }), [set(0, "encap-csum")]);
  assert.deepEqual(change({ encapCsum: null }), [set(0, "noencap-csum")]);
  assert.deepEqual(change({ encapCsum: true }), [set(0, "encap-csum")]);
  assert.deepEqual(change({ encapCsum: false }), [set(0, "noencap-csum")]);
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

Deno.test("planTransition() follows routing rules that come and go, by one transaction and a device", () => {
  const kernel = newKernel();
  const admissions = new Map([["ipipou0", admission("198.51.100.2", 40001)]]);
  const settings = sampleSettings({
    local: { ip: "192.0.2.1", device: null, ports: [10_000] },
    peers: [samplePeer({ forceAlt: true })],
  });
  const planFor = (isRuled: boolean) => {
    const outside = { ip: "192.0.2.1", device: "eth0", link: null, isRuled, isMarkRuled: false };
    const observed = sortOut(kernel.list("ipipou"), identityOf(settings), NOW);
    const { state } = desiredState({ settings, outside, admissions }, observed, NOW);
    return asLines(planTransition(observed, state, NOW));
  };
  const chain = () => kernel.tables.get("ipipou")?.chains.get("rewrite-ipipou0")?.hook;
  for (
    const [isRuled, type, hook] of [[false, "filter", "postrouting"], [true, "route", "output"]] as const
  ) {
    for (const _ of ["there", "and back"]) {
      kernel.run(planFor(isRuled));
      assert.deepEqual([chain()?.type, chain()?.hook], [type, hook]);
      assert.deepEqual(acceptedRemotes(kernel, "ipipou0"), ["198.51.100.2:40001 10000"]);
      const { link } = kernel.devices.get("ipipou0")!;
      assert.equal(link, isRuled ? kernel.devices.get("eth0")!.index : null);
      const { withdraw, close, ip, open } = planFor(isRuled);
      assert.deepEqual([withdraw, close, ip, open], [[], [], [], []]);
    }
  }
});

Deno.test("planTransition() remakes a tunnel that is to be bound to another device", () => {
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

Deno.test("planTransition() gives a peer a private address when a foreign tunnel has the pair", () => {
  const kernel = newKernel();
  kernel.ip("link add name other type ipip remote 198.51.100.2 local 192.0.2.1");
  kernel.run(plan(kernel, sampleSettings(), new Map([["ipipou0", admission("198.51.100.2", 40001)]])));
  assert.equal(kernel.devices.get("ipipou0")!.outer!.local, "172.29.0.0");
});

Deno.test("planTransition() deletes rules of version 0.1 when it makes the gate, but not when it removes it", () => {
  const settings = sampleSettings();
  const kernel = newKernel();
  const observed = sortOut(kernel.list("ipipou"), identityOf(settings), NOW);
  const own = { ...observed.own, obsoleteRules: new Set(["nfq handle 4"]) };
  const { state } = desiredState(
    { settings, outside: OUTSIDE, admissions: new Map() },
    { ...observed, own },
    NOW,
  );
  const deletion = "delete rule ip ipipou nfq handle 4";
  const { close } = asLines(planTransition({ ...observed, own }, state, NOW));
  assert.deepEqual(close.filter((command) => command.startsWith("delete")), [deletion]);
  const removal = asLines(planTransition(
    { ...observed, own: { ...state, ...own } },
    { ...EMPTY_STATE, gate: null },
    NOW,
  ));
  assert.ok(![...removal.close, ...removal.open].includes(deletion));
});

Deno.test("planTransition() moves gate, listener and tunnels, and never leaves a listener without its gate", () => {
  const places: Settings["local"][] = [
    { ip: "192.0.2.1", device: "eth0", ports: [10000] },
    { ip: "192.0.2.1", device: "eth0", ports: [10009] },
    { ip: "192.0.2.1", device: null, ports: [10009] },
    { ip: "192.0.2.1", device: "eth0", ports: [10000, 10009] },
    { ip: "192.0.2.7", device: "eth0", ports: [10000] },
    { ip: "192.0.2.7", device: "eth0", ports: [10008, 10009] },
  ];
  const kernel = newKernel();
  kernel.ip("address add 192.0.2.7/32 dev eth0 scope global");
  const identity = identityOf(sampleSettings());
  const look = () => sortOut(kernel.list("ipipou"), identity, NOW);
  const gatePlaces = () => {
    const rule = kernel.tables.get("ipipou")?.chains.get("gate-ipipou0")?.rules[0]?.text ?? "";
    const [, ip, ports] = /^ip daddr (\S+) udp dport \{? ?([\d, ]+)/.exec(rule) ?? [];
    return ports?.trim().split(", ").map((port) => `${ip}:${port}`) ?? [];
  };
  const check = () => {
    for (const key of kernel.listeners.keys()) assert.ok(gatePlaces().includes(key), key);
  };
  for (const local of [...places, places[1]!, places[3]!, ...places]) {
    const settings = sampleSettings({ local });
    const observed = look();
    const came = new Map([["ipipou0", { ...admission("198.51.100.2", 40001), port: local.ports[0] }]]);
    const outside = { ip: local.ip!, device: "eth0", link: "eth0", isRuled: false, isMarkRuled: false };
    const { state } = desiredState({ settings, outside, admissions: came }, observed, NOW);
    kernel.run(asLines(planTransition(observed, state, NOW)), check);
    check();
    const wanted = local.ports.map((port) => [`${local.ip}:${port}`, null]);
    assert.deepEqual([...kernel.listeners].sort(), wanted);
    assert.deepEqual(look().own.tunnels.get("ipipou0")?.local, { ip: local.ip, port: local.ports[0] });
    assert.deepEqual(acceptedRemotes(kernel, "ipipou0"), [`198.51.100.2:40001 ${local.ports[0]}`]);
  }
});

Deno.test("planTransition() changes rules in one transaction that keeps admitted peers in", () => {
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
