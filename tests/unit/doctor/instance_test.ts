import assert from "node:assert/strict";
import { type ForwardingFacts, judgeForwarding } from "../../../lib/doctor/forwarding.ts";
import { type IpipFacts, judgeIpip } from "../../../lib/doctor/ipip.ts";
import { judgePorts, type PortFacts } from "../../../lib/doctor/port.ts";
import { parseCount } from "../../../lib/doctor/counts.ts";
import { judgeReversePath, type ReversePathFacts } from "../../../lib/doctor/reverse_path.ts";
import type { IpFou } from "../../../lib/listing.ts";

const FOU: IpFou = { port: 10_001, family: "inet", ipproto: 4, local: "192.0.2.1" };

const FOU6: IpFou = { ...FOU, family: "inet6", local: undefined };

function judgePort(fields: Partial<PortFacts>) {
  const facts = {
    ...{ ip: "192.0.2.1", lack: null, link: null, ports: [10_001], sockets: "" },
    ...{ free: new Set<number>(), used: new Set<number>(), fou: [] },
    ...fields,
  };
  const [finding, ...more] = judgePorts(facts);
  assert.deepEqual(more, []);
  return finding!;
}

Deno.test("judgePorts() tells a free port, FOU's own, another FOU port, and a program's", () => {
  assert.equal(judgePort({ free: new Set([10_001]) }).level, "ok");
  assert.match(judgePort({ fou: [FOU], used: new Set([10_001]) }).what, /is FOU's$/);
  assert.match(
    judgePort({ fou: [{ ...FOU, local: undefined }] }).what,
    /no tunnel of this instance uses it$/,
  );
  assert.equal(judgePort({ fou: [{ ...FOU, local: "0.0.0.0" }] }).level, "ok");
  // It has another protocol's port of this number.
  assert.equal(judgePort({ fou: [FOU6] }).level, "fault");
  for (
    const other of [{ ipproto: undefined }, { ipproto: 47 }, { dev: "lo" }, {
      peer: "192.0.2.9",
      "peer_port": 5,
    }]
  ) {
    const { level, cure } = judgePort({ fou: [{ ...FOU, ...other }, FOU6] });
    assert.equal(level, "fault", JSON.stringify(other));
    assert.match(cure!, /^it belongs to a FOU port .* remove it: ip fou del port 10001 /);
  }
  const sockets = 'UNCONN 0 0 0.0.0.0:10001 0.0.0.0:* users:(("python3",pid=90,fd=3))';
  assert.match(judgePort({ sockets }).cure!, /^it belongs to python3 \(process 90\); /);
});

Deno.test("judgePorts() says what a user is not told, and what is as it should be all the same", () => {
  assert.equal(judgePort({ fou: null }).level, "unseen");
  assert.equal(judgePort({ fou: null, used: new Set([10_001]) }).level, "ok");
  const lack = "Cannot use the network device eth9 (--fou-local): there is no such device; there are: eth0";
  assert.deepEqual([judgePort({ ip: null, lack }).level, judgePort({ ip: null, lack }).what], [
    "fault",
    lack,
  ]);
});

function judgePath(fields: Partial<ReversePathFacts>) {
  return judgeReversePath({
    ...{ filters: new Map([["all", 0], ["eth0", 1], ["ipipou1", 1]]), dropped: 7, device: "eth0" },
    ...{ ways: new Map([["198.51.100.1", "eth0"]]), tunnels: ["ipipou1"], unrouted: new Map() },
    ...fields,
  }).map(({ level, what, why }) => `${level}: ${what}: ${why}`);
}

Deno.test("judgeReversePath() minds a strict check where the way back is another one", () => {
  assert.match(judgePath({})[0]!, /^ok: rp_filter of eth0 is strict, and routes lead back by it/);
  const away = { ways: new Map([["198.51.100.1", "ppp0"]]) };
  assert.match(
    judgePath(away)[0]!,
    /^fault: rp_filter of eth0 is strict, and the route to 198\.51\.100\.1 leaves by ppp0: .* \(7 packets so far/,
  );
  const nowhere = { ways: new Map([["198.51.100.1", null]]), dropped: null };
  assert.match(
    judgePath(nowhere)[0]!,
    /there is no route to 198\.51\.100\.1: what comes from there by eth0 is dropped$/,
  );
  // The higher one counts, and 2 is higher than strict.
  const loose = new Map([["all", 2], ["eth0", 1]]);
  assert.match(judgePath({ ...away, filters: loose })[0]!, /^ok: .* is not strict/);
  assert.match(judgePath({ ...away, filters: new Map([["all", 1], ["eth0", 0]]) })[0]!, /^fault/);
  const unrouted = new Map([["ipipou1", ["10.1.0.0/16"]]]);
  assert.match(judgePath({ unrouted })[0]!, /^warning: .* no route to 10\.1\.0\.0\/16 leads into it/);
  const byDefault = new Map([["all", 0], ["default", 1], ["eth0", 0]]);
  assert.match(judgePath({ unrouted, filters: byDefault })[0]!, /^warning: rp_filter of ipipou1 is strict/);
  const off = new Map([["all", 0], ["default", 1], ["eth0", 1], ["ipipou1", 0]]);
  assert.match(judgePath({ unrouted, filters: off })[0]!, /^ok/);
  assert.match(judgePath({ filters: null })[0]!, /^unseen/);
});

Deno.test("parseCount() reads the kernel's counts by their names", () => {
  const text =
    "TcpExt: SyncookiesSent IPReversePathFilter\nTcpExt: 3 12\nUdp: InDatagrams InCsumErrors\nUdp: 5 7\n" +
    "UdpLite: InDatagrams InCsumErrors\nUdpLite: 1 2\n";
  assert.equal(parseCount(text, "TcpExt", "IPReversePathFilter"), 12);
  assert.equal(parseCount(text, "Udp", "InCsumErrors"), 7);
  assert.equal(parseCount("UdpLite: A B\nUdpLite: 1 2\nUdp: A B\nUdp: 3 4\n", "Udp", "B"), 4);
  assert.equal(parseCount(text, "Udp", "IPReversePathFilter"), null);
  assert.equal(parseCount("TcpExt: SyncookiesSent\n", "TcpExt", "SyncookiesSent"), null);
  assert.equal(parseCount(null, "Udp", "InCsumErrors"), null);
});

Deno.test("judgeForwarding() minds it where a server has networks behind clients", () => {
  const judge = (fields: Partial<ForwardingFacts>) =>
    judgeForwarding({
      ...{ isServer: true, peers: 2, routes: ["10.1.0.0/16"], tunnels: ["a", "b"] },
      ...{ forwarding: new Map([["default", 0], ["a", 1]]) },
      ...fields,
    }).map(({ level, what }) => `${level}: ${what}`);
  assert.deepEqual(judge({}), ["warning: it is off for what comes out of b"]);
  assert.deepEqual(judge({ forwarding: new Map([["default", 1]]) }), ["ok: on"]);
  assert.deepEqual(judge({ routes: [] }), ["ok: off: clients reach this host, not each other"]);
  assert.deepEqual(judge({ routes: [], peers: 1, tunnels: ["b"] }), ["ok: off"]);
  assert.deepEqual(judge({ routes: [], peers: 0, tunnels: [] }), ["ok: off"]);
  assert.deepEqual(judge({ isServer: false }), []);
  assert.match(judge({ forwarding: null })[0]!, /^unseen/);
});

Deno.test("judgeIpip() minds a tunnel between the same addresses, and tunl0 unless IPIP is left to it", () => {
  const judge = (fields: Partial<IpipFacts>) =>
    judgeIpip({ isWildcardUp: true, isShared: false, clashes: new Map(), ...fields })
      .map(({ level, what }) => `${level}: ${what}`);
  assert.deepEqual(judge({}), ["warning: tunl0 is up"]);
  assert.match(judge({ isShared: true })[0]!, /^ok/);
  assert.match(judge({ isWildcardUp: false })[0]!, /^ok/);
  assert.deepEqual(judge({ clashes: new Map([["10.0.1.2 and 192.0.2.1", "gre9"]]) }), [
    "fault: gre9 already is a tunnel between 10.0.1.2 and 192.0.2.1",
  ]);
});
