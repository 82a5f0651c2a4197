import assert from "node:assert/strict";
import { VirtualClock } from "../fake/clock.ts";
import { Liveness } from "../../../lib/daemon/liveness.ts";
import { Log } from "../../../lib/log.ts";
import type { Admission } from "../../../lib/admission.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import { samplePeer, sampleSettings } from "../samples.ts";

/** When a virtual clock begins, in seconds. */
const START = new VirtualClock().now() / 1000;
const HOME = { ip: "198.51.100.2", port: 40_001 };

/** Peers a and b, and what comes from them and goes to them. */
function scene(settings: Settings) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const write = (line: string) => void lines.push(`${clock.now() / 1000 - START} ${line}`);
  const log = new Log({ verbosity: 1, time: false, pid: null, write, now: () => new Date(0) });
  const counts = new Map(["a", "b"].map((name) => [name, { received: 0, sent: 0 }]));
  const admissions = new Map<string, Admission>(
    ["a", "b"].map((name) => [name, { remote: HOME, port: 10_000, expiresAt: null }]),
  );
  const kept: number[] = [];
  const seen: string[] = [];
  let looks = 0;
  const countsOf = (device: string) => {
    looks++;
    return counts.get(device) ?? null;
  };
  const liveness = new Liveness({
    ...{ clock, log, countsOf },
    wanted: () => ({ settings, admissions }),
    onCounts: (name, counts) => seen.push(`${name} ${counts?.received}`),
    sendKeepalive: (remote, port) => {
      assert.deepEqual([remote, port], [HOME, 10_000]);
      kept.push(clock.now() / 1000 - START);
    },
  });
  liveness.update();
  const pass = async (seconds: number) => {
    const end = clock.now() + seconds * 1000;
    while (liveness.due !== null && liveness.due <= end) {
      await clock.advance(liveness.due - clock.now());
      liveness.look();
    }
    await clock.advance(end - clock.now());
  };
  const traffic = (name: string, received: number, sent: number) => {
    const before = counts.get(name)!;
    counts.set(name, { received: before.received + received, sent: before.sent + sent });
  };
  return { clock, liveness, lines, admissions, kept, seen, pass, traffic, looks: () => looks };
}

function settingsOf(silentAfter: number, keepalive: number | null): Settings {
  const peers = ["a", "b"].map((name) => samplePeer({ name, silentAfter: name === "a" ? silentAfter : 0 }));
  return sampleSettings({ peers, keepalive });
}

Deno.test("Liveness looks at nothing unless the settings ask for it, and somebody is let in", async () => {
  for (const keepalive of [0, null]) {
    const { liveness, pass, looks } = scene(settingsOf(0, keepalive));
    assert.equal(liveness.due, null);
    await pass(1_000);
    assert.equal(looks(), 0);
  }
  const { liveness, admissions, pass, looks } = scene(settingsOf(60, 25));
  admissions.clear();
  liveness.update();
  assert.equal(liveness.due, null);
  await pass(1_000);
  assert.equal(looks(), 0);
});

Deno.test("Liveness says once that a peer is silent, at most a quarter late, and once that it is heard again", async () => {
  const { liveness, lines, seen, pass, traffic } = scene(settingsOf(60, 0));
  for (let second = 0; second < 300; second += 10) {
    traffic("a", 1, 0);
    await pass(10);
  }
  assert.deepEqual(lines, []);
  await pass(400);
  assert.deepEqual(liveness.silent, ["a"]);
  assert.equal(lines.length, 1, "nobody asks about b");
  const [, time, line] = /^(\S+) (.*)$/.exec(lines.join())!;
  assert.equal(line, "Warning: a: nothing came from 198.51.100.2:40001 for 60 s");
  assert.ok(Number(time) >= 350 && Number(time) <= 375, time);
  traffic("a", 0, 5);
  await pass(100);
  assert.equal(lines.length, 1, "what is sent to it says nothing");
  traffic("a", 1, 0);
  await pass(15);
  assert.match(lines[1]!, /^\S+ a: heard again after 5\d\d s$/);
  assert.equal(seen.at(-1), "a 31");
  assert.deepEqual(liveness.silent, []);
});

Deno.test("Liveness takes an auth packet for a sign of life, at once", async () => {
  const { liveness, lines, pass } = scene(settingsOf(60, 0));
  await pass(100);
  assert.equal(lines.length, 1);
  assert.equal(liveness.note("a"), true, "it was silent");
  assert.match(lines[1]!, /^100 a: heard again after 100 s$/);
  for (let second = 0; second < 300; second += 25) {
    await pass(25);
    assert.equal(liveness.note("a"), false);
  }
  assert.equal(lines.length, 2);
});

Deno.test("Liveness forgets a peer that is no longer let in, and begins anew", async () => {
  const { liveness, lines, admissions, pass } = scene(settingsOf(60, 0));
  await pass(100);
  admissions.set("a", { remote: null, port: 10_000, expiresAt: 0 });
  liveness.update();
  assert.deepEqual([liveness.silent, liveness.due], [[], null]);
  admissions.set("a", { remote: HOME, port: 10_000, expiresAt: null });
  liveness.update();
  await pass(59);
  assert.equal(lines.length, 1);
  await pass(20);
  assert.equal(lines.length, 2);
});

Deno.test("Liveness lets no pause between packets be longer than the keepalive, and sends none to who has traffic", async () => {
  const quiet = scene(settingsOf(0, 20));
  quiet.admissions.delete("b");
  quiet.liveness.update();
  await quiet.pass(200);
  assert.deepEqual(quiet.kept, [20, 40, 60, 80, 100, 120, 140, 160, 180, 200]);
  for (const [received, sent] of [[1, 0], [0, 1]] as const) {
    const busy = scene(settingsOf(0, 20));
    busy.admissions.delete("b");
    busy.liveness.update();
    for (let second = 0; second < 200; second++) {
      busy.traffic("a", received, sent);
      await busy.pass(1);
    }
    assert.deepEqual(busy.kept, []);
    await busy.pass(30);
    const pauses = busy.kept.map((time, index) => time - (busy.kept[index - 1] ?? 200));
    assert.ok(pauses.length > 0 && pauses.every((pause) => pause <= 20), busy.kept.join(" "));
  }
});
