import assert from "node:assert/strict";
import { Losses } from "../../../lib/kernel/losses.ts";
import {
  EMPTY_STATE,
  type Gate,
  type KernelState,
  type Listener,
  type Tunnel,
} from "../../../lib/kernel/state.ts";
import { Log } from "../../../lib/log.ts";

const GATE = {
  fingerprint: "f.3",
  mark: "ipipou:a",
  remotes: new Map(),
  addresses: new Set(),
} as object as Gate;
const [A, B] = ["a", "b"].map((name) => ({ name, up: true, routes: ["10.7.0.0/16"] }) as object as Tunnel);

const WHOLE: KernelState = {
  ...EMPTY_STATE,
  tunnels: new Map([["a", A!], ["b", B!]]),
  listeners: new Map([["192.0.2.1:10001", {} as Listener]]),
  altAddresses: new Map([["172.29.0.0", "lo"]]),
  gate: GATE,
};

class Bench {
  readonly lines: string[] = [];
  readonly losses = new Losses(
    new Log({
      verbosity: 0,
      time: false,
      pid: null,
      write: (line) => this.lines.push(line),
      now: () => new Date(),
    }),
  );

  /** The lines about one loss that is then restored. */
  tell(found: Partial<KernelState>, now = 0, desired: KernelState = WHOLE): string[] {
    this.lines.length = 0;
    this.losses.tell({ ...WHOLE, ...found }, WHOLE, desired, now);
    this.losses.handleChange();
    return [...this.lines];
  }
}

Deno.test("tell() says what is gone or no longer as it was, and still wanted", () => {
  const bench = new Bench();
  const tunnels = (...list: Tunnel[]) => new Map(list.map((tunnel) => [tunnel.name, tunnel]));
  const cases: [Partial<KernelState>, string[]][] = [
    [{}, []],
    [{ gate: null }, ["the gate is gone from nftables"]],
    [{ gate: { ...GATE, fingerprint: "" } }, ["the gate in nftables is no longer as it was"]],
    [{ tunnels: tunnels(A!) }, ["device b is gone"]],
    [{ tunnels: tunnels() }, ["device a and 1 more are gone"]],
    [{ tunnels: tunnels(A!, { ...B!, up: false }) }, ["device b is no longer as it was"]],
    [{ tunnels: tunnels(A!, { ...B!, routes: [] }) }, ["device b is no longer as it was"]],
    [{ tunnels: tunnels(A!, { ...B!, mtu: 1300, routes: ["10.7.0.0/16", "10.8.0.0/16"] }) }, []],
    [{ tunnels: tunnels({ ...A!, up: false }, { ...B!, up: false }) }, [
      "device a and 1 more are no longer as they were",
    ]],
    [{ listeners: new Map() }, ["FOU port 192.0.2.1:10001 is gone"]],
    [{ altAddresses: new Map() }, ["private address 172.29.0.0 is gone"]],
  ];
  for (const [index, [found, lines]] of cases.entries()) {
    assert.deepEqual(
      bench.tell(found, index * 60_000),
      lines.map((line) => `Warning: ${line}: restoring it`),
    );
  }
  const all = { tunnels: new Map(), listeners: new Map(), altAddresses: new Map(), gate: null };
  assert.deepEqual(bench.tell(all, 0, EMPTY_STATE), [], "nothing of it is wanted any more");
  bench.losses.tell(EMPTY_STATE, null, WHOLE, 0);
  assert.deepEqual(bench.lines, [], "nothing was made yet");
});

Deno.test("tell() says the gate was changed if elements without a timeout are gone, or others were added", () => {
  const bench = new Bench();
  const entry = (key: string, expiresAt: number | null) => [key, { expiresAt }] as const;
  const gateWith = (...entries: (readonly [string, object])[]) =>
    ({ ...GATE, remotes: new Map(entries) }) as object as Gate;
  const written = { ...WHOLE, gate: gateWith(entry("lasting", null), entry("brief", 7)) };
  const changed = (gate: Gate) => {
    bench.lines.length = 0;
    bench.losses.tell({ ...WHOLE, gate }, written, WHOLE, 0);
    bench.losses.handleChange();
    return bench.lines.length > 0;
  };
  assert.equal(changed(gateWith(entry("lasting", null))), false, "its time may be over");
  assert.equal(changed(gateWith(entry("brief", 7))), true);
  assert.equal(changed(gateWith(entry("lasting", null), entry("brief", 7), entry("more", null))), true);
  assert.equal(changed({ ...written.gate, addresses: new Set(["198.51.100.7"]) }), true);
});

Deno.test("tell() says each loss once until it is restored, whatever fails meanwhile", () => {
  const bench = new Bench();
  for (let attempt = 0; attempt < 5; attempt++) {
    bench.losses.tell({ ...WHOLE, gate: null }, WHOLE, WHOLE, attempt);
  }
  assert.equal(bench.lines.length, 1);
});

Deno.test("tell() blames nobody for what a change of ours that failed may have removed, except for the gate", () => {
  const bench = new Bench();
  bench.losses.handleFailure();
  bench.losses.tell({ ...WHOLE, tunnels: new Map(), gate: null }, WHOLE, WHOLE, 0);
  assert.deepEqual(bench.lines, ["Warning: the gate is gone from nftables: restoring it"]);
  bench.losses.handleChange();
  assert.deepEqual(bench.tell({ listeners: new Map() }).length, 1);
});

Deno.test("tellClosed() says as rarely that FOU ports are closed, and tellOpen() when what was said is over", () => {
  const bench = new Bench();
  let closed = 0;
  for (let second = 0; second < 60; second++) {
    bench.lines.length = 0;
    bench.losses.tellClosed("closed", ["192.0.2.1:10001", "192.0.2.1:10002"], second * 1000);
    bench.losses.tellOpen("open");
    bench.losses.tellOpen("open");
    if (bench.lines.length === 0) continue;
    assert.deepEqual(bench.lines, ["Warning: closed: 192.0.2.1:10001, 192.0.2.1:10002", "open"]);
    closed++;
  }
  assert.equal(closed, 4);
});

Deno.test("tell() names a fight three times a minute at most, then every 30 seconds", () => {
  const bench = new Bench();
  const told: string[] = [];
  for (let second = 0; second < 300; second++) {
    for (const line of bench.tell({ gate: null }, second * 1000)) told.push(`${second} ${line}`);
  }
  assert.deepEqual(told.slice(0, 4), [
    "0 Warning: the gate is gone from nftables: restoring it",
    "1 Warning: the gate is gone from nftables: restoring it",
    "2 Warning: another program removes or changes the gate again and again: 3 times in the last minute: restoring it each time",
    "32 Warning: another program removes or changes the gate again and again: 33 times in the last minute: restoring it each time",
  ]);
  assert.equal(told.length, 3 + 9);
  for (let minute = 10; minute < 20; minute++) {
    assert.equal(bench.tell({ gate: null }, minute * 60_000).length, 1, "single events are told each");
  }
});
