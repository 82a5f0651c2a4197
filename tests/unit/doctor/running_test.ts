import assert from "node:assert/strict";
import { deferToServer, judgeRunning, type RunningFacts } from "../../../lib/doctor/running.ts";
import type { TunnelStatus } from "../../../lib/status/snapshot.ts";
import { sampleHub, sampleInstance, samplePeerStatus, sampleTunnel } from "../status/samples.ts";

function judge(fields: Partial<RunningFacts>): string[] {
  const facts = { name: "hub", report: null, problem: null, processStatus: null, ...fields };
  return judgeRunning(facts).map(({ level, topic, what }) => `${level}: ${topic}: ${what}`);
}

const OFFICE = { instance: sampleInstance(), tunnels: [sampleTunnel()] };

Deno.test("judgeRunning() tells an instance that runs from one that does not, or cannot be asked", () => {
  assert.deepEqual(judge({ report: OFFICE }), ["ok: instance: it runs as process 7", "ok: tunnel: 1 is up"]);
  assert.deepEqual(judge({}), ["fault: instance: it does not run"]);
  const left = { ...OFFICE, instance: sampleInstance({ source: "kernel", ok: false, state: "not running" }) };
  assert.match(judge({ report: left })[0]!, /^fault: instance: it does not run, and what it left stands/);
  const stuck = {
    source: "kernel",
    state: "not answering",
    ok: false,
    why: "process 7 runs it: no answer",
  } as const;
  const judgeStuck = (cure: string | null) =>
    judge({ report: { ...OFFICE, instance: sampleInstance({ ...stuck, cure }) } });
  assert.deepEqual(judgeStuck("kill -9 7"), ["fault: instance: not answering: process 7 runs it: no answer"]);
  assert.match(judgeStuck(null)[0]!, /^unseen/);
  assert.match(judge({ problem: "Permission denied" })[0]!, /^unseen/);
  const waiting = sampleInstance({ ok: false, state: "waiting", why: "the network device eth9" });
  assert.deepEqual(judge({ report: { instance: waiting, tunnels: [] } }), [
    "fault: instance: waiting: the network device eth9",
  ]);
});

Deno.test("judgeRunning() does not say that no tunnel works where some are up", () => {
  const instance = sampleHub({ ok: false, state: "faulty", why: "its network device eth0 is gone" });
  const whyOf = (tunnels: TunnelStatus[]) =>
    judgeRunning({ name: "hub", report: { instance, tunnels }, problem: null, processStatus: null })[0]!.why;
  assert.match(whyOf([samplePeerStatus("a")])!, /^tunnels that stand may go on/);
  assert.equal(whyOf([samplePeerStatus("a", { state: "waiting", ok: false })]), "no tunnel works until then");
});

Deno.test("judgeRunning() names the unit only of a file that the unit can run", () => {
  const cureOf = (name: string, report: RunningFacts["report"]) =>
    judgeRunning({ name, report, problem: null, processStatus: null })
      .flatMap(({ cure }) => cure ?? []).join("\n");
  const failed = { ...OFFICE, instance: sampleInstance({ reload_failed: { age: 1, why: "x" } }) };
  const stuck = {
    ...OFFICE,
    instance: sampleInstance({ ok: false, state: "waiting", why: "eth9", cure: null }),
  };
  for (const report of [null, failed, stuck]) {
    assert.match(cureOf("hub", report), /ctl (start|reload|-u) ipipou@hub\b/);
    assert.doesNotMatch(cureOf("./hub.toml", report), /ipipou@/);
  }
  assert.equal(cureOf("/x/hub.toml", null), "start it: ipipou --config /x/hub.toml");
  assert.equal(cureOf("/x/hub.toml", failed), "mend that, and reload: kill -HUP 7");
});

Deno.test("judgeRunning() warns of settings that the running process has not taken", () => {
  const instance = sampleInstance({ reload_failed: { age: 120, why: "Unknown key foo" } });
  assert.deepEqual(judge({ report: { ...OFFICE, instance } }), [
    "ok: instance: it runs as process 7",
    "warning: instance: the last reload failed, 2 min ago: Unknown key foo",
    "ok: tunnel: 1 is up",
  ]);
});

Deno.test("judgeRunning() sums up peers that do not come, and names tunnels that are wrong", () => {
  const away = Array.from(
    { length: 10 },
    (_, index) =>
      samplePeerStatus(`p${index}`, { state: "waiting", ok: false, why: "its first auth packet" }),
  );
  const refused = samplePeerStatus("q", {
    state: "refused",
    ok: false,
    why: "wrong token, from 198.51.100.2:7",
  });
  const tunnels: TunnelStatus[] = [...away, refused, samplePeerStatus("r")];
  assert.deepEqual(judge({ report: { instance: sampleHub(), tunnels } }), [
    "ok: instance: it runs as process 7",
    "ok: tunnel: 1 is up",
    "fault: tunnel: q: refused",
    "warning: tunnel: not here: 10 of 12 peers: p0 (waiting), p1 (waiting), p2 (waiting), p3 (waiting), " +
    "p4 (waiting), p5 (waiting), p6 (waiting), p7 (waiting) …",
  ]);
});

Deno.test("judgeRunning() names some of many tunnels that are wrong, and says how many more are", () => {
  const silent = Array.from(
    { length: 10 },
    (_, index) => samplePeerStatus(`p${index}`, { state: "silent", ok: false }),
  );
  const said = judge({ report: { instance: sampleHub(), tunnels: silent } });
  assert.deepEqual([said.length, said[8], said[9]], [
    10,
    "fault: tunnel: p7: silent",
    "fault: tunnel: 2 more are not up",
  ]);
  const eight = judge({ report: { instance: sampleHub(), tunnels: silent.slice(0, 8) } });
  assert.deepEqual([eight.length, eight[8]], [9, "fault: tunnel: p7: silent"]);
  const first = {
    instance: sampleInstance(),
    tunnels: [sampleTunnel({ state: "authenticating", ok: false })],
  };
  assert.equal(judge({ report: first })[1], "warning: tunnel: ipipou1: authenticating");
});

Deno.test("judgeRunning() names this side's fault as what is to be mended, and sends nobody to the other side for it", () => {
  const why = "no reply can be sent: Network is unreachable; this host needs a route there";
  const faulty = samplePeerStatus("b", { state: "faulty", ok: false, why, cure: null });
  const report = { instance: sampleHub(), tunnels: [faulty] };
  const { why: said, cure } = judgeRunning({ name: "hub", report, problem: null, processStatus: null })
    .find(({ topic }) => topic === "tunnel")!;
  assert.deepEqual({ said, cure }, { said: why, cure: "mend that; the log here says when it is over" });
});

Deno.test("judgeRunning() does not call a tunnel up through which nothing has come", () => {
  const tunnels = [sampleTunnel(), sampleTunnel({ state: "accepted" })];
  assert.deepEqual(judge({ report: { ...OFFICE, tunnels } }).slice(1), [
    "ok: tunnel: 1 is up",
    "ok: tunnel: 1 is let in, and no data has come yet",
  ]);
});

Deno.test("judgeRunning() says of a server's only peer that it is not here, and why", () => {
  const parked = sampleTunnel({ state: "parked", ok: false, why: "it said good-bye" });
  assert.deepEqual(
    judge({ report: { ...OFFICE, tunnels: [parked] } }).at(-1),
    "warning: tunnel: not here: the only peer: ipipou1 (parked)",
  );
});

Deno.test("judgeRunning() says why auth packets are refused, while a peer is away that may have sent them", () => {
  const last = { address: "198.51.100.2", port: 4_001, why: "time too far from ours", age: 12 };
  const find = (state: "parked" | "up", age = 12) => {
    const instance = sampleHub({ refused: { count: 7, last: { ...last, age } } });
    const report = { instance, tunnels: [samplePeerStatus("a", { state, ok: state === "up" })] };
    return judgeRunning({ name: "hub", problem: null, processStatus: null, report });
  };
  const [, refused, away] = find("parked");
  assert.deepEqual([refused!.level, refused!.what, refused!.cure], [
    "warning",
    "auth packets are refused, the last 12 s ago from 198.51.100.2:4001: time too far from ours",
    "set the clocks of both hosts",
  ]);
  assert.match(away!.what, /^not here: /);
  assert.equal(find("parked", 3_600).length, 2, "it tries no more");
  assert.equal(find("up").length, 2, "it is a stranger's");
});

Deno.test("deferToServer() leaves the cure of a client's tunnel to what was found of its server", () => {
  const tunnel = { topic: "tunnel", level: "fault", what: "x: silent", why: "y", cure: "guess" } as const;
  const server = { topic: "server", level: "fault", what: "no answer", why: "z", cure: "know" } as const;
  const cures = (findings: ReturnType<typeof deferToServer>) => findings.map(({ cure }) => cure);
  const instance = { ...server, topic: "instance" } as const;
  assert.deepEqual(cures(deferToServer([instance, tunnel], [server])), ["know", "see server, below"]);
  assert.deepEqual(cures(deferToServer([tunnel], [{ ...server, level: "ok" }])), ["guess"]);
});

Deno.test("judgeRunning() minds what the running process may not do, unless another one has its number", () => {
  const status = (name: string) => `Name:\t${name}\nUid:\t1\t1\t1\t1\nCapEff:\t0000000000001000\n`;
  assert.ok(
    judge({ report: OFFICE, processStatus: status("ipipou") })
      .includes("fault: capabilities: the running process has no CAP_NET_RAW"),
  );
  assert.equal(judge({ report: OFFICE, processStatus: status("bash") }).length, 2);
});
