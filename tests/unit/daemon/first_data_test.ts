import assert from "node:assert/strict";
import type { Admission } from "../../../lib/admission.ts";
import { FirstData } from "../../../lib/daemon/first_data.ts";
import { Log } from "../../../lib/log.ts";
import type { PacketCounts } from "../../../lib/kernel_ports.ts";
import { VirtualClock } from "../fake/clock.ts";
import { samplePeer } from "../samples.ts";

const IN: Admission = { remote: { ip: "198.51.100.2", port: 40_001 }, port: 10_001, expiresAt: null };
const PEERS = ["a", "b", "c", "d", "e"].map((name) =>
  samplePeer({
    name,
    tunnel: { ...samplePeer().tunnel, device: `dev-${name}`, peerIp: "172.28.0.3" },
    allowedIps: name === "d" ? ["172.28.0.3/32"] : null,
  })
);
const EMPTY: PacketCounts = { received: 0, sent: 0 };

function scene(...names: string[]) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const log = new Log({
    verbosity: 0,
    time: false,
    pid: null,
    write: (line) => lines.push(line),
    now: () => new Date(0),
  });
  const counts = new Map<string, PacketCounts>(PEERS.map(({ name }) => [`dev-${name}`, EMPTY]));
  const admissions = new Map(names.map((name) => [name, IN]));
  const settings = { peers: PEERS };
  let looks = 0;
  const firstData = new FirstData({
    ...{ clock, log },
    wanted: () => ({ settings, admissions }),
    countsOf: (device) => {
      looks++;
      return counts.get(device) ?? null;
    },
  });
  firstData.update();
  const pass = async (seconds: number) => {
    const end = clock.now() + seconds * 1000;
    while (firstData.due !== null && firstData.due <= end) {
      await clock.advance(firstData.due - clock.now());
      firstData.look();
    }
    await clock.advance(end - clock.now());
  };
  return { clock, lines, counts, admissions, settings, firstData, pass, looks: () => looks };
}

Deno.test("FirstData says once what a tunnel lacks that is authenticated, with the line for the firewall", async () => {
  const { lines, counts, firstData, pass, looks } = scene("a", "b", "c");
  counts.set("dev-b", { received: 3, sent: 0 });
  counts.set("dev-c", { received: 3, sent: 2 });
  await pass(119);
  assert.deepEqual([lines, looks()], [[], 0]);
  for (let minute = 0; minute < 60; minute++) {
    firstData.update();
    await pass(60);
  }
  assert.deepEqual(lines, [
    "a: authenticated for 2 minutes, but nothing has come out of its tunnel; if something was sent, this host's " +
    "firewall must accept UDP to port 10001 in its input chain: udp dport 10001 ct state new,untracked accept",
    "b: authenticated for 2 minutes, but something has come out of its tunnel, and nothing was sent back; if it " +
    'should be, this host\'s firewall must accept what comes in by the device: iifname "dev-b" accept, in input and ' +
    "forward chains",
  ]);
  assert.equal(looks(), 3);
});

Deno.test("FirstData says at an auth packet that data has come, once", async () => {
  const { lines, counts, firstData, pass, looks } = scene("a");
  await pass(120);
  firstData.note(PEERS[0]!);
  assert.equal(lines.length, 1);
  counts.set("dev-a", { received: 1, sent: 0 });
  firstData.note(PEERS[0]!);
  counts.set("dev-a", { received: 1, sent: 1 });
  for (let time = 0; time < 3; time++) firstData.note(PEERS[0]!);
  assert.deepEqual(lines.slice(1), ["a: data comes out of its tunnel, and is sent into it"]);
  assert.equal(looks(), 4);
});

Deno.test("FirstData sums up many, and forgets who is not let in any more", async () => {
  const { clock, lines, admissions, firstData, pass } = scene("a", "b", "c", "d", "e");
  await pass(120);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^a, b, c and 2 more: authenticated /);
  admissions.clear();
  firstData.update();
  assert.equal(firstData.due, null);
  admissions.set("a", { ...IN, expiresAt: clock.now() + 60_000 });
  firstData.update();
  await pass(300);
  assert.equal(lines.length, 1);
  assert.equal(firstData.due, null);
  admissions.set("a", IN);
  firstData.update();
  await pass(120);
  assert.match(lines[1]!, /^a: authenticated /);
});

Deno.test("FirstData waits for nobody who is not let in, was parked, or is no longer in the settings", async () => {
  const { lines, admissions, settings, firstData, pass } = scene("a", "b");
  await pass(120);
  admissions.set("d", { ...IN, remote: null });
  firstData.update();
  assert.equal(firstData.due, null);
  admissions.set("c", IN);
  firstData.update();
  assert.notEqual(firstData.due, null);
  settings.peers = PEERS.slice(1, 2);
  firstData.update();
  assert.equal(firstData.due, null);
  settings.peers = PEERS;
  firstData.update();
  await pass(120);
  assert.match(lines[1]!, /^a, c: authenticated /, "b was there all the time");
});

Deno.test("FirstData names the address that a client must have, where others are dropped", async () => {
  const { lines, counts, pass } = scene("d");
  counts.set("dev-d", { received: 3, sent: 0 });
  await pass(120);
  assert.match(
    lines.join(),
    /; and what its client sends must come from 172\.28\.0\.3, its address here, or from /,
  );
});
