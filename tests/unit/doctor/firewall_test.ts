import assert from "node:assert/strict";
import {
  type ExplainedDrop,
  type FirewallFacts,
  judgeFirewall,
  judgeLegacy,
  judgeUntraced,
} from "../../../lib/doctor/firewall.ts";
import { TraceSummary } from "../../../lib/doctor/trace.ts";
import type { TraceEvent } from "../../../lib/doctor_ports.ts";
import { buildPing, buildUdpPacket, type Endpoint } from "../../../lib/packet.ts";

const OWN = { ip: "192.0.2.1", port: 10_001 };
const FAR = { ip: "198.51.100.2", port: 4_001 };
const SUBJECTS = {
  ends: [OWN],
  devices: new Map([[7, "ipipou1"]]),
  remotes: new Set([FAR.ip]),
  gate: "ipipou",
  trace: "trace",
};
const NONE = new Uint8Array();
const NOT_ENDED = { isDropped: false, isQueued: false };
const PLACE = { family: "inet", table: "fw", chain: "input", handle: 5, from: 2, to: 0, ...NOT_ENDED };

/** The first event of a packet. */
function firstOf(id: number, packet: Uint8Array, fields: Partial<TraceEvent> = {}): TraceEvent {
  return eventOf(id, packet, { family: "ip", table: "trace", chain: "prerouting", ...fields });
}

function eventOf(id: number, packet: Uint8Array, fields: Partial<TraceEvent> = {}): TraceEvent {
  return { ...PLACE, id, header: packet.slice(0, 20), body: packet.slice(20), ...fields };
}

function datagram(source: Endpoint, destination: Endpoint): Uint8Array {
  return buildUdpPacket({ source, destination, payload: new Uint8Array(5) }, 64);
}

const IN = datagram(FAR, OWN);
const INNER = buildPing("172.28.0.3", "172.28.0.2", new Uint8Array(4), 64);

Deno.test("TraceSummary counts packets of the instance, and where they were dropped", () => {
  const summary = new TraceSummary(SUBJECTS);
  summary.add(firstOf(1, IN));
  // What follows in a chain has no header.
  summary.add({ ...PLACE, id: 1, handle: null, isDropped: true, from: 0, header: NONE, body: NONE });
  // Another packet of the same number.
  summary.add(firstOf(1, IN));
  summary.add(eventOf(1, IN, { isDropped: true, handle: null }));
  summary.add(firstOf(3, datagram(OWN, FAR), { chain: "output" }));
  summary.add(firstOf(4, INNER, { from: 7 }));
  summary.add(firstOf(4, INNER, { from: 7, chain: "forward" }));
  summary.add(eventOf(4, INNER, { from: 7, isDropped: true }));
  const answer = INNER.slice();
  answer[20] = 0;
  summary.add(firstOf(6, answer, { from: 7 }));
  summary.add(firstOf(5, INNER, { from: 0, to: 7, chain: "output" }));
  const place = { family: "inet", table: "fw", chain: "input" };
  // Another's table of our name.
  summary.add(eventOf(1, IN, { isDropped: true, table: "ipipou" }));
  assert.deepEqual(summary.drops, [
    { ...place, kind: "udp in", subject: "10001", handle: null, count: 2 },
    { ...place, kind: "out of tunnel", subject: "ipipou1", handle: 5, count: 1 },
    { ...place, table: "ipipou", kind: "udp in", subject: "10001", handle: 5, count: 1 },
  ]);
  const traced = [["udp in", 2], ["udp out", 1], ["out of tunnel", 1], ["into tunnel", 1]];
  assert.deepEqual([...summary.traced], traced);
});

Deno.test("TraceSummary minds neither what strangers send, nor what our own gate drops, nor unknown packets", () => {
  const summary = new TraceSummary(SUBJECTS);
  summary.add(eventOf(1, datagram({ ip: "203.0.113.9", port: 1 }, OWN), { isDropped: true }));
  summary.add(firstOf(2, IN));
  summary.add(eventOf(2, IN, { family: "ip", table: "ipipou", isDropped: true }));
  summary.add({ ...PLACE, id: 3, isDropped: true, header: NONE, body: NONE });
  // To a stranger, and of another address of this host.
  summary.add(eventOf(4, datagram(OWN, { ip: "203.0.113.9", port: 1 }), { isDropped: true }));
  summary.add(eventOf(5, datagram(FAR, { ...OWN, ip: "192.0.2.2" }), { isDropped: true }));
  // Its number is a stranger's now.
  summary.add(eventOf(2, datagram({ ip: "203.0.113.9", port: 1 }, OWN)));
  summary.add({ ...PLACE, id: 2, isDropped: true, header: NONE, body: NONE });
  assert.deepEqual(summary.drops, []);
  assert.deepEqual([...summary.traced], [["udp in", 1]]);
});

Deno.test("TraceSummary tells what ended in our own gate: that is no part of what a firewall could drop", () => {
  const summary = new TraceSummary(SUBJECTS);
  const gate = { family: "ip", table: "ipipou" };
  for (const id of [1, 2, 3, 4]) summary.add(firstOf(id, IN));
  summary.add(eventOf(1, IN, { ...gate, isQueued: true }));
  summary.add(eventOf(2, IN, { ...gate, isDropped: true }));
  summary.add(eventOf(3, IN, gate));
  summary.add(eventOf(3, IN, { isDropped: true }));
  // To a program of others.
  summary.add(eventOf(4, IN, { isQueued: true }));
  const { traced, ended, drops } = summary;
  assert.deepEqual([[...traced], [...ended], drops.length], [[["udp in", 4]], [["udp in", 2]], 1]);
});

Deno.test("TraceSummary remembers a bounded number of packets and drops", () => {
  const summary = new TraceSummary(SUBJECTS);
  for (let id = 0; id < 10_000; id++) summary.add(eventOf(id, IN, { isDropped: true, handle: id }));
  assert.equal(summary.drops.length, 4_096);
  const long = new TraceSummary(SUBJECTS);
  for (let id = 0; id <= 4_096; id++) long.add(firstOf(id, IN));
  long.add({ ...PLACE, id: 0, isDropped: true, header: NONE, body: NONE });
  assert.deepEqual(long.drops, []);
});

const DROP: ExplainedDrop = {
  ...{ family: "inet", table: "fw", chain: "input", handle: 5, count: 3 },
  ...{ kind: "out of tunnel", subject: "ipipou1", rule: "counter drop", keeper: null },
};

function judge(fields: Partial<FirewallFacts>) {
  const traced = new Map([["udp in", 5], ["out of tunnel", 3]] as const);
  return judgeFirewall({ problem: null, traced, ended: new Map(), drops: [], ...fields });
}

Deno.test("judgeFirewall() tells what drops all packets of a kind from what drops some, and what was not seen", () => {
  const brief = (fields: Partial<FirewallFacts>) =>
    judge(fields).map(({ level, what }) => `${level}: ${what}`);
  assert.match(brief({})[0]!, /^ok: 8 packets/);
  assert.deepEqual(brief({ drops: [DROP] }), [
    "fault: inet fw input drops what comes out of ipipou1: counter drop",
  ]);
  assert.match(brief({ drops: [{ ...DROP, count: 2 }] })[0]!, /^warning: /);
  const ended = new Map([["out of tunnel", 1]] as const);
  assert.match(brief({ ended, drops: [{ ...DROP, count: 2 }] })[0]!, /^fault: /);
  // What answers our own pings is dropped and not counted.
  assert.match(judge({ drops: [{ ...DROP, count: 9 }] })[0]!.why!, /^9 of 9 such packets /);
  assert.match(brief({ drops: [{ ...DROP, rule: null, handle: null }] })[0]!, /: its policy is drop$/);
  assert.match(brief({ traced: new Map() })[0]!, /^unseen: no packet/);
  assert.match(brief({ problem: "EPERM" })[0]!, /^unseen/);
});

Deno.test("judgeLegacy() and judgeUntraced() name what nothing was traced of", () => {
  assert.deepEqual(judgeLegacy([]), []);
  assert.deepEqual(judgeLegacy(["filter", "nat"]).map(({ level, what }) => `${level}: ${what}`), [
    "unseen: rules of the older iptables (filter, nat)",
  ]);
  assert.deepEqual([true, false].map((hasNftables) => judgeUntraced(hasNftables).level), ["unseen", "ok"]);
});

Deno.test("judgeFirewall() has a cure in the words of who keeps the rules", () => {
  const cureOf = (fields: Partial<ExplainedDrop>) => judge({ drops: [{ ...DROP, ...fields }] })[0]!.cure;
  assert.equal(cureOf({}), "nft insert rule inet fw input iifname ipipou1 accept");
  assert.equal(cureOf({ kind: "into tunnel" }), "nft insert rule inet fw input oifname ipipou1 accept");
  assert.equal(cureOf({ kind: "udp in", subject: "7" }), "nft insert rule inet fw input udp dport 7 accept");
  assert.equal(cureOf({ kind: "udp out", subject: "7" }), "nft insert rule inet fw input udp sport 7 accept");
  const iptables = { keeper: "iptables", table: "filter", chain: "INPUT" } as const;
  assert.equal(cureOf(iptables), "iptables -t filter -I INPUT -i ipipou1 -j ACCEPT");
  assert.equal(
    cureOf({ keeper: "firewalld", kind: "udp in", subject: "7" }),
    "firewall-cmd --permanent --add-port=7/udp && firewall-cmd --reload",
  );
  assert.equal(
    cureOf({ keeper: "firewalld" }),
    "firewall-cmd --permanent --zone=trusted --add-interface=ipipou1 && firewall-cmd --reload",
  );
});
