import assert from "node:assert/strict";
import {
  describeLeftovers,
  describeStrayPorts,
  refuseBoundElsewhere,
} from "../../../lib/kernel/leftovers.ts";
import { type Listener, listenerKey, type Observed } from "../../../lib/kernel/state.ts";
import { sampleObserved, samplePeer, sampleSettings } from "../samples.ts";

const OUTSIDE = { ip: "192.0.2.1", device: "eth0", link: "eth0", isRuled: false, isMarkRuled: false };
const SETTINGS = sampleSettings({
  nft: { table: "vpn", counter: true },
  local: { ip: null, device: "eth0", ports: [10_001] },
  firstAltIp: "172.29.0.1",
  peers: [samplePeer({ altIp: null })],
});

function describe(foreign: Partial<Observed["foreign"]>): string[] {
  return describeLeftovers(sampleObserved({ foreign }), OUTSIDE, SETTINGS);
}

function listeners(...all: Listener[]): Observed["foreign"]["listeners"] {
  return new Map(all.map((listener) => [listenerKey(listener.local), listener]));
}

/** The command at the end of a line. */
function cure(line: string): string {
  return /: ((ip|nft) [^:]+)$/.exec(line)![1]!;
}

Deno.test("describeLeftovers() has the command for a FOU port at each of our addresses", () => {
  const cases: [Listener, string][] = [
    [{ local: { ip: "192.0.2.1", port: 10_001 }, device: "eth0" }, " local 192.0.2.1 dev eth0"],
    [{ local: { ip: "172.29.0.1", port: 10_001 }, device: null }, " local 172.29.0.1"],
    [{ local: { ip: "0.0.0.0", port: 10_001 }, device: null }, ""],
  ];
  for (const [listener, words] of cases) {
    const lines = describe({ listeners: listeners(listener) });
    assert.deepEqual(lines.map(cure), [`ip fou del port 10001${words}`]);
    assert.match(lines[0]!, /^FOU port \S+:10001 is foreign: it is used, but not removed at the end; /);
  }
});

Deno.test("refuseBoundElsewhere() refuses a FOU port on another device than the one our packets come by", () => {
  const check = (ip: string, port: number, device: string | null) => {
    const observed = sampleObserved({ foreign: { listeners: listeners({ local: { ip, port }, device }) } });
    refuseBoundElsewhere(observed, OUTSIDE, SETTINGS);
  };
  for (const device of [null, "eth0"]) check("192.0.2.1", 10_001, device);
  check("192.0.2.9", 10_001, "eth1");
  check("192.0.2.1", 10_002, "eth1");
  for (const [ip, words] of [["192.0.2.1", " local 192.0.2.1"], ["0.0.0.0", ""]] as const) {
    assert.throws(() => check(ip, 10_001, "if8"), {
      message:
        `Cannot use FOU port ${ip}:10001: it is not ours, and bound to if8, by which our packets do not come; ` +
        `remove it: ip fou del port 10001${words} dev if8; or choose another --fou-local-port`,
      exitCode: 53,
    });
  }
});

Deno.test("describeLeftovers() names the instance that a FOU port is shared with", () => {
  const shared = listeners({ local: { ip: "192.0.2.1", port: 10_001 }, device: "eth0" });
  const claims = new Map([["192.0.2.1:10001", "hub"], ["192.0.2.1:10002", "home"]]);
  const lines = describe({ listeners: shared, claims });
  assert.deepEqual(lines.map((line) => line.split(":", 2).join(":")), [
    "FOU port 192.0.2.1:10001 is also used by hub",
  ]);
});

Deno.test("describeLeftovers() does not call a FOU port foreign that another instance's gate is in front of", () => {
  const shared = listeners({ local: { ip: "192.0.2.1", port: 10_001 }, device: null });
  const foreign = { listeners: shared, gated: new Map([["192.0.2.1:10001", "hub"]]) };
  const [line, ...more] = describe(foreign);
  assert.match(line!, /^FOU port 192\.0\.2\.1:10001 is also used by hub: /);
  assert.deepEqual(more, []);
  assert.deepEqual(describeStrayPorts(sampleObserved({ foreign }), new Set([10_001])), []);
});

Deno.test("describeStrayPorts() has the command for each FOU port at ours that nothing shows the owner of", () => {
  const foreign = {
    listeners: listeners(
      { local: { ip: "192.0.2.1", port: 10_001 }, device: "eth0" },
      { local: { ip: "192.0.2.9", port: 10_001 }, device: null },
      { local: { ip: "192.0.2.1", port: 10_002 }, device: null },
    ),
    claims: new Map([["192.0.2.9:10001", "hub"]]),
  };
  assert.deepEqual(describeStrayPorts(sampleObserved({ foreign }), new Set([10_001, 10_003])), [
    "FOU port 192.0.2.1:10001 stays, as nothing shows whose it is; if a killed run left it, remove it: " +
    "ip fou del port 10001 local 192.0.2.1 dev eth0",
  ]);
});

Deno.test("describeLeftovers() ignores other ports and addresses", () => {
  const elsewhere = listeners(
    { local: { ip: "192.0.2.1", port: 10_002 }, device: null },
    { local: { ip: "192.0.2.9", port: 10_001 }, device: null },
  );
  assert.deepEqual(describe({ listeners: elsewhere, addresses: new Map([["192.0.2.1", "eth0"]]) }), []);
});

Deno.test("describeLeftovers() has the command for a private address and for empty chains", () => {
  const lines = describe({
    addresses: new Map([["172.29.0.1", "lo"]]),
    emptyChains: ["nfq", "nat-prerouting"],
  });
  assert.deepEqual(lines.map(cure), [
    "ip address delete 172.29.0.1/32 dev lo",
    "nft 'delete chain ip vpn nfq; delete chain ip vpn nat-prerouting'",
  ]);
});
