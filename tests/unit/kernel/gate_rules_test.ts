import assert from "node:assert/strict";
import fc from "fast-check";
import { partsOf } from "../../../lib/kernel/gate_names.ts";
import {
  capacityFor,
  commonParts,
  defineGate,
  deleteGate,
  fingerprintOf,
} from "../../../lib/kernel/gate_rules.ts";
import type { Gate, GateRules } from "../../../lib/kernel/state.ts";
import { RULES } from "./sample_rules.ts";

/** The rules of one chain, in order. */
function rulesIn(chain: string, fields: Partial<GateRules>): string[] {
  const prefix = `add rule ip ipipou ${chain}-t0 `;
  return defineGate({ ...RULES, ...fields })
    .filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
}

Deno.test("defineGate() writes the whole gate", () => {
  const fingerprint = fingerprintOf(RULES);
  assert.deepEqual(defineGate(RULES), [
    "add table ip ipipou",
    "add chain ip ipipou gate-t0 { type filter hook prerouting priority -150; policy accept; }",
    "add chain ip ipipou receive-t0 { type filter hook prerouting priority -300; policy accept; }",
    "add chain ip ipipou untrack-t0 { type filter hook output priority -300; policy accept; }",
    "add chain ip ipipou forward-t0 { type filter hook forward priority 0; policy accept; }",
    "add chain ip ipipou input-t0 { type filter hook input priority 150; policy accept; }",
    "add chain ip ipipou fou-t0",
    "add chain ip ipipou auth-t0",
    "add map ip ipipou remotes-t0 { type ipv4_addr . inet_service . inet_service : verdict; flags timeout; }",
    "add set ip ipipou addresses-t0 { type ipv4_addr; }",
    "add set ip ipipou endpoints-t0 { type ipv4_addr . inet_service; }",
    "add set ip ipipou alts-t0 { type ipv4_addr; }",
    "add set ip ipipou places-t0 { type ipv4_addr . inet_service . inet_service; size 65535; " +
    "flags dynamic,timeout; timeout 1m; }",
    "add set ip ipipou limits-t0 { type ipv4_addr; size 65535; flags dynamic,timeout; timeout 1m; }",
    "add rule ip ipipou gate-t0 ip daddr 192.0.2.1 udp dport 10000 jump fou-t0 " +
    `comment "ipipou:t0 192.0.2.1 ${fingerprint}"`,
    "add rule ip ipipou gate-t0 ip daddr 192.0.2.1 ip protocol 4 ip saddr @addresses-t0 drop",
    "add rule ip ipipou receive-t0 ip daddr 192.0.2.1 udp dport 10000 notrack",
    "add rule ip ipipou untrack-t0 ip saddr 192.0.2.1 udp sport 10000 notrack",
    "add rule ip ipipou forward-t0 ip daddr . udp dport @endpoints-t0 drop",
    "add rule ip ipipou forward-t0 ip protocol 4 ip daddr @addresses-t0 drop",
    "add rule ip ipipou input-t0 ip protocol 4 ip daddr @alts-t0 drop",
    "add rule ip ipipou input-t0 udp dport 10000 ip daddr @alts-t0 drop",
    "add rule ip ipipou input-t0 ip daddr 192.0.2.1 udp dport 10000 " +
    "ip saddr . udp sport . udp dport vmap @remotes-t0",
    "add rule ip ipipou input-t0 ip daddr 192.0.2.1 udp dport 10000 drop",
    'add rule ip ipipou fou-t0 meta iifkind "ipip" drop',
    "add rule ip ipipou fou-t0 udp length 81 @th,64,4 != 4 goto auth-t0",
    "add rule ip ipipou fou-t0 udp length 81 @th,80,16 != 73 goto auth-t0",
    "add rule ip ipipou fou-t0 ip saddr . udp sport . udp dport vmap @remotes-t0",
    "add rule ip ipipou fou-t0 udp length 8 limit rate 6/minute burst 5 packets queue num 7",
    "add rule ip ipipou fou-t0 @th,64,8 != 69 limit rate 6/minute burst 5 packets queue num 7",
    "add rule ip ipipou fou-t0 drop",
    "add rule ip ipipou auth-t0 ip saddr 0.0.0.0/8 drop",
    "add rule ip ipipou auth-t0 fib saddr type != unicast drop",
    "add rule ip ipipou auth-t0 ip saddr . udp sport @endpoints-t0 update @places-t0 " +
    "{ ip saddr . udp sport . udp dport limit rate over 100/second burst 20 packets } drop",
    "add rule ip ipipou auth-t0 ip saddr . udp sport @endpoints-t0 queue num 7",
    "add rule ip ipipou auth-t0 ip saddr @addresses-t0 limit rate 20/second burst 40 packets queue num 7",
    "add rule ip ipipou auth-t0 update @limits-t0 { ip saddr limit rate over 5/second burst 20 packets } drop",
    "add rule ip ipipou auth-t0 limit rate over 200/second burst 200 packets drop",
    "add rule ip ipipou auth-t0 queue num 7",
  ]);
});

Deno.test("defineGate() matches auth packets by length, and by more when data can have that length", () => {
  const matches = (authLengths: number[]) =>
    rulesIn("fou", { authLengths }).filter((rule) => / goto auth-t0$/.test(rule))
      .map((rule) => rule.replace(/ goto auth-t0$/, ""));
  assert.deepEqual(matches([0]), ["udp length 8"]);
  assert.deepEqual(matches([19]), ["udp length 27"]);
  assert.deepEqual(matches([20]), ["udp length 28 @th,64,4 != 4", "udp length 28 @th,80,16 != 20"]);
  assert.deepEqual(matches([24]), ["udp length 32 @th,64,4 != 4", "udp length 32 @th,80,16 != 24"]);
  assert.deepEqual(matches([0, 24, 73]), [
    "udp length 8",
    "udp length 32 @th,64,4 != 4",
    "udp length 32 @th,80,16 != 24",
    "udp length 81 @th,64,4 != 4",
    "udp length 81 @th,80,16 != 73",
  ]);
});

Deno.test("defineGate() lets the program see a few packets of other lengths, after all that is let in, and drops the rest", () => {
  const last = (authLengths: number[]) => rulesIn("fou", { authLengths }).slice(1 + 2 * authLengths.length);
  const limited = "limit rate 6/minute burst 5 packets queue num 7";
  const letIn = "ip saddr . udp sport . udp dport vmap @remotes-t0";
  assert.deepEqual(last([73]), [letIn, `udp length 8 ${limited}`, `@th,64,8 != 69 ${limited}`, "drop"]);
  assert.deepEqual(rulesIn("fou", { authLengths: [0] }).slice(2), [
    letIn,
    `@th,64,8 != 69 ${limited}`,
    "drop",
  ]);
});

Deno.test("defineGate() never queues with bypass: strangers stay out while no program runs", () => {
  for (const counter of [true, false]) {
    const queues = rulesIn("auth", { counter, hintQueue: 8 }).filter((rule) => rule.includes("queue"));
    assert.equal(queues.length, 4);
    for (const rule of queues) assert.match(rule, /queue num [78]$/);
  }
});

Deno.test("defineGate() lets good hints pass before all other limits, by limits of their own, and drops nothing for them", () => {
  const hint = "@th,576,32 . @th,632,16";
  const plain = defineGate(RULES).filter((line) => !line.includes("comment"));
  const rule = (capacity: number) => rulesIn("auth", { hintQueue: 8, capacity })[2]!;
  const lines = defineGate({ ...RULES, hintQueue: 8 }).filter((line) => !line.includes("comment"));
  assert.deepEqual(lines.filter((line) => !plain.includes(line)), [
    `add set ip ipipou hints-t0 { typeof ${hint}; }`,
    `add set ip ipipou hinted-t0 { typeof ${hint}; size 65535; flags dynamic,timeout; timeout 1m; }`,
    `add rule ip ipipou auth-t0 ${rule(1)}`,
  ]);
  const limits = (total: string) =>
    `${hint} @hints-t0 update @hinted-t0 { ${hint} limit rate 5/second burst 20 packets } ` +
    `limit rate ${total} packets queue num 8`;
  assert.equal(rule(1), limits("200/second burst 200"));
  // By chance 1,250 of 20,000 packets a second have a good hint where there are 4,096 clients.
  assert.equal(rule(4096), limits("2048/second burst 8192"));
});

Deno.test("defineGate() counts what it drops and queues if the settings say so", () => {
  assert.deepEqual(rulesIn("auth", { counter: true }), [
    "ip saddr 0.0.0.0/8 counter drop",
    "fib saddr type != unicast counter drop",
    "ip saddr . udp sport @endpoints-t0 update @places-t0 " +
    "{ ip saddr . udp sport . udp dport limit rate over 100/second burst 20 packets } counter drop",
    "ip saddr . udp sport @endpoints-t0 counter queue num 7",
    "ip saddr @addresses-t0 limit rate 20/second burst 40 packets counter queue num 7",
    "update @limits-t0 { ip saddr limit rate over 5/second burst 20 packets } counter drop",
    "limit rate over 200/second burst 200 packets counter drop",
    "counter queue num 7",
  ]);
  assert.equal(rulesIn("fou", { counter: true }).at(-1), "counter drop");
  assert.deepEqual(rulesIn("gate", { counter: true }).slice(1), [
    "ip daddr 192.0.2.1 ip protocol 4 ip saddr @addresses-t0 counter drop",
  ]);
  assert.deepEqual(rulesIn("input", { counter: true }).filter((rule) => rule.includes("drop")), [
    "ip protocol 4 ip daddr @alts-t0 counter drop",
    "udp dport 10000 ip daddr @alts-t0 counter drop",
    "ip daddr 192.0.2.1 udp dport 10000 counter drop",
  ]);
});

Deno.test("defineGate() rewrites both ways, without connection tracking, for remotes with a private address", () => {
  const plain = new Set(defineGate(RULES));
  const lines = defineGate({ ...RULES, readdresses: true }).filter((line) => !line.includes("comment"));
  assert.deepEqual(lines.filter((line) => !plain.has(line)), [
    "add map ip ipipou locals-t0 { type ipv4_addr . inet_service . inet_service : ipv4_addr; flags timeout; }",
    "add chain ip ipipou rewrite-t0 { type filter hook postrouting priority -150; policy accept; }",
    "add rule ip ipipou input-t0 ip daddr 192.0.2.1 udp dport 10000 " +
    "ip daddr set ip saddr . udp sport . udp dport map @locals-t0 accept",
    "add rule ip ipipou untrack-t0 udp sport 10000 ip saddr @alts-t0 notrack",
    "add rule ip ipipou rewrite-t0 udp sport 10000 ip saddr @alts-t0 ip saddr set 192.0.2.1",
  ]);
  const input = rulesIn("input", { readdresses: true });
  assert.deepEqual(input.map((rule) => / (drop|vmap|set) ?/.exec(rule)![1]), [
    "drop",
    "drop",
    "set",
    "vmap",
    "drop",
  ]);
});

Deno.test("defineGate() rewrites where the kernel looks for a route again, if there are routing rules for our address", () => {
  const plain = defineGate({ ...RULES, readdresses: true });
  const lines = defineGate({ ...RULES, readdresses: true, reroutes: 0x66 });
  assert.deepEqual(lines.filter((line) => !plain.includes(line)).slice(-2), [
    "add chain ip ipipou rewrite-t0 { type route hook output priority -150; policy accept; }",
    "add rule ip ipipou rewrite-t0 udp sport 10000 ip saddr @alts-t0 ip saddr set 192.0.2.1 meta mark set 102",
  ]);
  assert.equal(lines.length, plain.length);
});

Deno.test("defineGate() drops foreign inner source addresses before all other rules", () => {
  const lines = defineGate({ ...RULES, filters: true });
  assert.deepEqual(lines.slice(defineGate(RULES).length), [
    "add set ip ipipou devices-t0 { type ifname; }",
    "add set ip ipipou sources-t0 { type ifname . ipv4_addr; flags interval; }",
    "add chain ip ipipou filter-t0 { type filter hook prerouting priority -350; policy accept; }",
    "add rule ip ipipou filter-t0 iifname @devices-t0 iifname . ip saddr != @sources-t0 drop",
    "add rule ip ipipou filter-t0 iifname @devices-t0 ip saddr 0.0.0.0/8 drop",
  ]);
});

Deno.test("defineGate() clamps segment sizes both ways, to what fits or to a value, on a server and on a client", () => {
  const server = { ip: "203.0.113.9", port: 10_007 };
  const hooked = (hook: string) => `{ type filter hook ${hook} priority -150; policy accept; }`;
  const rule = (chain: string, field: string, size: string) =>
    `add rule ip ipipou ${chain}-t0 tcp flags & (syn|rst) == syn ${field} @clamped-t0 ` +
    `tcp option maxseg size set ${size}`;
  const always = (size: string) => [
    "add set ip ipipou clamped-t0 { type ifname; }",
    `add chain ip ipipou clamp-t0 ${hooked("forward")}`,
    rule("clamp", "oifname", size),
    rule("clamp", "iifname", size),
    `add chain ip ipipou clampout-t0 ${hooked("output")}`,
    rule("clampout", "oifname", size),
  ];
  for (const rules of [RULES, { ...RULES, server }]) {
    const { length } = defineGate(rules);
    assert.deepEqual(defineGate({ ...rules, clamp: "auto" }).slice(length), always("rt mtu"));
    assert.deepEqual(defineGate({ ...rules, clamp: 1300 }).slice(length), [
      ...always("1300"),
      `add chain ip ipipou clampin-t0 ${hooked("input")}`,
      rule("clampin", "iifname", "1300"),
    ]);
  }
});

Deno.test("defineGate() of a client drops what its server sends from other ports, or without FOU around it, and no more", () => {
  const rules = { ...RULES, server: { ip: "203.0.113.9", port: 10_007 }, counter: true };
  const far = "ip saddr 203.0.113.9 ip daddr 192.0.2.1";
  assert.deepEqual(defineGate(rules), [
    "add table ip ipipou",
    "add chain ip ipipou gate-t0 { type filter hook prerouting priority -150; policy accept; }",
    `add rule ip ipipou gate-t0 ${far} udp dport 10000 udp sport != 10007 drop ` +
    `comment "ipipou:t0 192.0.2.1 ${fingerprintOf(rules)}"`,
    `add rule ip ipipou gate-t0 ${far} ip protocol 4 drop`,
  ]);
  assert.deepEqual(deleteGate({ table: "ipipou", name: "t0", parts: partsOf(rules) }), [
    "flush chain ip ipipou gate-t0",
    "delete chain ip ipipou gate-t0",
  ]);
});

Deno.test("defineGate() leaves IPIP without FOU to other devices where no tunnel of ours would take it", () => {
  const shares = rulesIn("gate", { shares: true });
  assert.equal(
    shares[1],
    "ip daddr 192.0.2.1 ip protocol 4 ip saddr @addresses-t0 ip saddr != @shared-t0 drop",
  );
  assert.ok(partsOf({ ...RULES, shares: true }).has("shared-t0"));
  const rules = { ...RULES, server: { ip: "203.0.113.9", port: 10_007 }, alt: "172.29.0.1" };
  assert.deepEqual(defineGate(rules).slice(3), [
    "add chain ip ipipou input-t0 { type filter hook input priority 150; policy accept; }",
    "add chain ip ipipou untrack-t0 { type filter hook output priority -300; policy accept; }",
    "add rule ip ipipou input-t0 ip protocol 4 ip daddr 172.29.0.1 drop",
    "add rule ip ipipou input-t0 udp dport 10000 ip daddr 172.29.0.1 drop",
    "add rule ip ipipou input-t0 ip saddr 203.0.113.9 ip daddr 192.0.2.1 udp dport 10000 " +
    "udp sport 10007 ip daddr set 172.29.0.1",
    "add rule ip ipipou untrack-t0 ip saddr 172.29.0.1 udp sport 10000 ip saddr set 192.0.2.1",
  ]);
  assert.deepEqual(partsOf(rules), new Set(["gate-t0", "input-t0", "untrack-t0"]));
});

Deno.test("defineGate() of a client leaves its port to its server alone where another device would take the rest", () => {
  const rules = { ...RULES, server: { ip: "203.0.113.9", port: 10_007 }, excludes: true };
  assert.deepEqual(
    defineGate(rules).filter((line) => line.includes("!= 203.0.113.9")),
    ["add rule ip ipipou gate-t0 ip daddr 192.0.2.1 udp dport 10000 ip saddr != 203.0.113.9 drop"],
  );
});

Deno.test("defineGate() names several ports in one match", () => {
  const lines = defineGate({ ...RULES, ports: [10_000, 10_007], readdresses: true });
  const matches = lines.flatMap((line) => /udp [sd]port \{.*?\}/.exec(line) ?? []);
  const both = "{ 10000, 10007 }";
  const [from, to] = [`udp sport ${both}`, `udp dport ${both}`];
  assert.deepEqual(matches, [to, to, from, to, to, from, from, to, to]);
});

Deno.test("defineGate() of a gate without peers queues nothing", () => {
  assert.deepEqual(rulesIn("fou", { authLengths: [] }), [
    'meta iifkind "ipip" drop',
    "ip saddr . udp sport . udp dport vmap @remotes-t0",
    "drop",
  ]);
});

Deno.test("defineGate() limits auth packets so that all peers get through at once, but a flood of junk does not", () => {
  const limitsOf = (peers: number) =>
    rulesIn("auth", { capacity: capacityFor(peers) })
      .flatMap((rule) => /(\d+)\/second burst (\d+)/.exec(rule)?.slice(1).map(Number) ?? []);
  for (const peers of [0, 1, 8]) assert.deepEqual(limitsOf(peers), [100, 20, 20, 40, 5, 20, 200, 200]);
  assert.deepEqual(limitsOf(1000), [100, 20, 64, 2048, 5, 2048, 200, 2048]);
  fc.assert(fc.property(fc.integer({ min: 1, max: 5000 }), (peers) => {
    const [, , knownRate, knownBurst, , sourceBurst, totalRate, totalBurst] = limitsOf(peers);
    assert.ok(knownRate! > peers / 25 && totalRate! <= 200);
    assert.ok(Math.min(knownBurst!, sourceBurst!, totalBurst!) >= peers);
    assert.ok(Math.max(knownBurst!, sourceBurst!, totalBurst!) <= Math.max(200, 4 * peers));
  }));
});

Deno.test("capacityFor() changes at powers of two alone", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 512, 513, 1000].map(capacityFor), [1, 1, 2, 4, 4, 8, 512, 1024, 1024]);
});

Deno.test("commonParts() tells which parts are the same, not only by name", () => {
  const rules = { ...RULES, readdresses: true, shares: true };
  const common = (after: GateRules) => commonParts({ rules } as Gate, after);
  const all = common(rules);
  for (const part of ["rewrite-t0", "locals-t0", "shared-t0", "gate-t0"]) assert.ok(all.has(part), part);
  assert.deepEqual(
    all.difference(common({ ...rules, reroutes: 7 })),
    new Set(["rewrite-t0"]),
    "of another type",
  );
  assert.deepEqual(all.difference(common({ ...rules, shares: false })), new Set(["shared-t0"]));
  assert.deepEqual(common({ ...rules, counter: true }), all);
});
