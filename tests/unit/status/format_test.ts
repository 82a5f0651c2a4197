import assert from "node:assert/strict";
import { formatReports, ratesBetween, showBytes, showDuration } from "../../../lib/status/format.ts";
import { sampleHub, sampleInstance, samplePeerStatus, sampleTunnel } from "./samples.ts";

Deno.test("formatReports() shows one tunnel with all that is known", () => {
  const report = { instance: sampleInstance(), tunnels: [sampleTunnel()] };
  const rates = new Map([["ipipou1 7 ipipou1", { rx: 3_500, tx: 0 }]]);
  assert.equal(
    formatReports([report], rates),
    `\
office (ipipou1): client at 10.0.0.2:10001 by eth0, running for 2 h 5 min
  state           up
  tunnel          ipipou1: 172.28.0.3 to 172.28.0.2, MTU 1472
  outside         10.0.0.2:10001 to 192.0.2.1:10001
  auth packet     sent 3 s ago, last reply 3 s ago
  received        1.24 MiB, 3.42 KiB/s, noticed 1 s ago
  sent            11.7 KiB, 0 B/s
`,
  );
});

Deno.test("formatReports() shows what is wrong with a tunnel, and what to do", () => {
  const tunnel = sampleTunnel({
    ...{ state: "silent", ok: false, why: "nothing came for 62 s", cure: "see whether the server runs" },
    ...{ moves: 2, "reply_age": null, "expires_in": 59, stats64: null, local: null },
    ...{ private: "172.29.0.1", sharing: 12, "shares_with": ["a", "b"] },
  });
  assert.equal(
    formatReports([{ instance: sampleInstance({ config: null, heals: 2 }), tunnels: [tunnel] }], new Map()),
    `\
ipipou1: client at 10.0.0.2:10001 by eth0, running for 2 h 5 min, 2 repairs
  state           silent: nothing came for 62 s
  cure            see whether the server runs
  tunnel          ipipou1: 172.28.0.3 to 172.28.0.2, MTU 1472
  outside         192.0.2.1:10001
  auth packet     sent 3 s ago, expires in 59 s
  moves           2
  shared address  with a, b and 10 more; private address 172.29.0.1
`,
  );
});

Deno.test("formatReports() says of whom a tunnel shares its address with, and nothing of what never came", () => {
  const stats64 = { rx: { bytes: 0, packets: 0 }, tx: { bytes: 1, packets: 1 } };
  // What is said of the time is of an earlier device.
  const tunnel = sampleTunnel({ stats64, "received_age": 9, sharing: 2, "shares_with": ["a", "b"] });
  const text = formatReports([{ instance: sampleInstance(), tunnels: [tunnel] }], new Map());
  assert.match(text, /^ {2}received {8}0 B$/m);
  assert.match(text, /^ {2}shared address {2}with a, b$/m);
});

Deno.test("formatReports() shows one peer of a hub without a count, and when it authenticated", () => {
  const report = { instance: sampleHub(), tunnels: [samplePeerStatus("a")] };
  const [first, ...lines] = formatReports([report], new Map(), true).split("\n");
  assert.equal(first, "hub: server at 192.0.2.1:10001 by eth0, running for 2 h 5 min");
  assert.ok(lines.includes("  authenticated   3 s ago, last reply 3 s ago"), lines.join("\n"));
  assert.match(formatReports([report], new Map()), /: 1 of 1 peers up\n/);
  const gone = { ...report, instance: sampleHub({ uptime: null }) };
  assert.match(formatReports([gone], new Map()), /^hub: server at 192\.0\.2\.1:10001 by eth0\n/);
});

Deno.test("formatReports() shows a hub as a table, those that need care first", () => {
  const nowhere = { remote: null, "auth_age": null, stats64: null, ok: false };
  const tunnels = [
    samplePeerStatus("zebra"),
    samplePeerStatus("b", { ...nowhere, state: "waiting", why: "its first auth packet" }),
    samplePeerStatus("a", { moves: 1 }),
    samplePeerStatus("c", { ...nowhere, state: "faulty", why: "File exists" }),
  ];
  const last = { address: "203.0.113.9", port: 7, why: "wrong token", age: 61 };
  const failed = { why: "/etc/ipipou/hub.toml:3:1: a mistake", age: 61 };
  const instance = sampleHub({ refused: { count: 3, last }, "reload_failed": failed });
  assert.equal(
    formatReports([{ instance, tunnels }], new Map([["hub 7 a", { rx: 2_048, tx: 12 }]])),
    `\
hub: server at 192.0.2.1:10001 by eth0, running for 2 h 5 min: 2 of 4 peers up
  reload failed 1 min ago: /etc/ipipou/hub.toml:3:1: a mistake; the settings from before it are in use
  3 auth packets refused, the last 1 min ago from 203.0.113.9:7: wrong token
PEER   STATE    INNER        REMOTE             AUTH  RECEIVED              SENT              MOVES  WHY
c      faulty   172.28.0.11  -                  -     -                     -                 0      File exists
b      waiting  172.28.0.11  -                  -     -                     -                 0      its first auth packet
a      up       172.28.0.11  198.51.100.2:4001  3 s   1.24 MiB, 2.00 KiB/s  11.7 KiB, 12 B/s  1
zebra  up       172.28.0.11  198.51.100.2:4001  3 s   1.24 MiB              11.7 KiB          0
`,
  );
});

Deno.test("formatReports() says what an instance waits for, and which one does not run", () => {
  const waiting = sampleInstance({
    state: "waiting",
    ok: false,
    why: "the device eth7",
    local: [],
    uptime: 3,
  });
  const gone = sampleInstance({
    ...{ state: "not running", ok: false, why: "no instance answers", cure: "start it", source: "kernel" },
    ...{ config: null, role: null, local: [], dev: null, uptime: null },
  });
  assert.equal(
    formatReports([{ instance: waiting, tunnels: [] }, { instance: gone, tunnels: [] }], new Map()),
    `\
office (ipipou1): client by eth0, running for 3 s
  waiting: the device eth7

ipipou1: instance
  not running: no instance answers
  start it
`,
  );
});

Deno.test("ratesBetween() takes bytes a second of each tunnel that was there before, and is the same", () => {
  const at = (bytes: number, name = "ipipou1") => {
    const stats64 = { rx: { bytes, packets: 1 }, tx: { bytes: 2 * bytes, packets: 1 } };
    return [{ instance: sampleInstance(), tunnels: [sampleTunnel({ name, stats64 })] }];
  };
  assert.deepEqual([...ratesBetween(at(1_000), at(1_600), 300)], [[
    "ipipou1 7 ipipou1",
    { rx: 2_000, tx: 4_000 },
  ]]);
  assert.equal(ratesBetween(at(1_000), at(600), 300).size, 0, "the device was made anew");
  assert.equal(ratesBetween(at(1_000), at(1_600, "other"), 300).size, 0);
  assert.equal(ratesBetween(at(1_000), at(1_600), 0).size, 0);
});

Deno.test("showDuration() takes two units at most, and showBytes() three digits", () => {
  const durations = [0.4, 59.9, 60, 3_599, 3_600, 7_500, 86_400, 100_000];
  assert.deepEqual(durations.map(showDuration), [
    ...["0 s", "59 s", "1 min", "59 min", "1 h", "2 h 5 min", "1 d", "1 d 3 h"],
  ]);
  const sizes = [0, 1_023, 1_024, 20_480, 512_000, 1_048_576, 2 ** 60];
  assert.deepEqual(sizes.map(showBytes), [
    ...["0 B", "1023 B", "1.00 KiB", "20.0 KiB", "500 KiB", "1.00 MiB", "1024 PiB"],
  ]);
});

Deno.test("formatReports() says once what keeps a client from working", () => {
  const problem = { state: "faulty", ok: false, why: "Cannot send to 192.0.2.1" } as const;
  const report = { instance: sampleInstance(problem), tunnels: [sampleTunnel(problem)] };
  const lines = formatReports([report], new Map()).split("\n");
  assert.deepEqual(lines.filter((line) => line.includes("Cannot send")), [
    "  state           faulty: Cannot send to 192.0.2.1",
  ]);
});
