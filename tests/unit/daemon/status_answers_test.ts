import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { Admission } from "../../../lib/admission.ts";
import { PeerHistory } from "../../../lib/daemon/peer_history.ts";
import type { ReportContext } from "../../../lib/daemon/report.ts";
import { serveStatus } from "../../../lib/daemon/status_answers.ts";
import { VirtualClock } from "../fake/clock.ts";
import { samplePeer, sampleSettings } from "../samples.ts";

const PEERS = 1_000;

/** A hub of many peers. @param onTold called for each peer that is told of */
function contextOf(
  clock: VirtualClock,
  onTold: () => void,
  admissions: ReadonlyMap<string, Admission> = new Map(),
): ReportContext {
  const settings = sampleSettings({
    isOfMany: true,
    peers: Array.from({ length: PEERS }, (_, index) => samplePeer({ name: `p${index}` })),
  });
  const tunnels = new Map();
  tunnels.has = () => {
    onTold();
    return false;
  };
  return {
    view: {
      ...{
        role: "server",
        settings,
        hosts: new Map(),
        admissions,
        faults: new Map(),
        problem: null,
      },
      outside: { ip: "192.0.2.1", device: "eth0", link: null, isRuled: false, isMarkRuled: false },
      liveness: { silent: [], heardAt: () => null },
      history: new PeerHistory(clock),
    },
    ...{
      settings,
      config: null,
      release: "1.0.0",
      pid: 7,
      startedAt: 0,
      waitsFor: null,
      reloadFailure: null,
      now: clock.now(),
      unixNow: clock.unixTime() * 1_000,
    },
    kernel: { countsOf: () => null, tunnels, heals: 0 },
  };
}

Deno.test("serveStatus() makes the next part of an answer when the one before has gone, and ends when that takes too long", async () => {
  const clock = new VirtualClock();
  let [told, writes] = [0, 0];
  const request = new TextEncoder().encode('{"get":"status"}\n');
  const serving = serveStatus(
    {
      read: (into) => {
        into.set(request);
        return Promise.resolve(request.length);
      },
      // The first line is read, and nothing after it.
      write: (bytes) => ++writes === 1 ? Promise.resolve(bytes.length) : new Promise(() => {}),
      [Symbol.dispose]: () => {},
    },
    clock,
    () => contextOf(clock, () => told++),
  );
  const ended = assert.rejects(serving, /no answer within 10 s/);
  await clock.advance(9_000);
  assert.ok(writes === 2 && told > 0 && told < PEERS / 10, `${told} peers in ${writes} parts`);
  await clock.advance(2_000);
  await ended;
});

Deno.test("serveStatus() lets everything else of the program run between the parts of an answer", async () => {
  const clock = new VirtualClock();
  const request = new TextEncoder().encode('{"get":"status"}\n');
  let [reads, writes] = [0, 0];
  const serving = serveStatus(
    {
      read: (into) => {
        into.set(request);
        return Promise.resolve(++reads > 1 ? null : request.length);
      },
      write: (bytes) => {
        writes++;
        return Promise.resolve(bytes.length);
      },
      [Symbol.dispose]: () => {},
    },
    clock,
    () => contextOf(clock, () => {}),
  );
  await setImmediate();
  // A turn without time is not enough for other programs.
  await clock.advance(0);
  assert.equal(writes, 1, "the others wait for their turn");
  await clock.advance(1_000);
  await serving;
  assert.equal(writes, 1 + Math.ceil(PEERS / 64));
});

Deno.test("serveStatus() tells of all peers as they were when it told of the first, whoever comes, moves or goes meanwhile", async () => {
  const clock = new VirtualClock();
  const at = (ip: string) => ({ remote: { ip, port: 1 }, port: 10_000, expiresAt: null });
  const [gone, moves, comes] = [PEERS - 3, PEERS - 2, PEERS - 1].map((index) => `p${index}`) as [
    string,
    string,
    string,
  ];
  const admissions = new Map<string, Admission>([[gone, at("198.51.100.1")], [moves, at("198.51.100.1")]]);
  const request = new TextEncoder().encode('{"get":"status"}\n');
  let [reads, text] = [0, ""];
  const serving = serveStatus(
    {
      read: (into) => {
        into.set(request);
        return Promise.resolve(++reads > 1 ? null : request.length);
      },
      write: (bytes) => {
        text += new TextDecoder().decode(bytes);
        if (!text.includes('"name":"p1"')) return Promise.resolve(bytes.length);
        admissions.delete(gone);
        for (const name of [moves, comes]) admissions.set(name, at("203.0.113.9"));
        return Promise.resolve(bytes.length);
      },
      [Symbol.dispose]: () => {},
    },
    clock,
    () => contextOf(clock, () => {}, admissions),
  );
  for (let parts = 0; parts < PEERS; parts++) {
    await setImmediate();
    await clock.advance(10);
  }
  await serving;
  const [, ...tunnels] = text.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(tunnels.length, PEERS);
  assert.deepEqual(
    tunnels.filter(({ remote }) => remote !== null).map(({ name, remote, shares_with }) => [
      name,
      remote.address,
      shares_with,
    ]),
    [[gone, "198.51.100.1", [moves]], [moves, "198.51.100.1", [gone]]],
  );
});
