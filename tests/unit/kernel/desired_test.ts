import assert from "node:assert/strict";
import type { Admission } from "../../../lib/gate.ts";
import { desiredState, instanceName } from "../../../lib/kernel/desired.ts";
import { EMPTY_STATE, type Observed, pairKey } from "../../../lib/kernel/state.ts";
import { ed25519 } from "../auth/vectors.ts";
import { samplePeer, sampleSettings } from "../samples.ts";

const NOW = 1_795_219_200_000;
const OUTSIDE = { ip: "192.0.2.1", device: "eth0" };
const HOME = { ip: "198.51.100.2", port: 40_001 };
const HERE: Admission = { remote: HOME, expiresAt: null };

function observed(foreign: Partial<Observed["foreign"]> = {}): Observed {
  return {
    own: EMPTY_STATE,
    foreign: {
      devices: new Map(),
      pairs: new Set(),
      listeners: new Map(),
      addresses: new Map(),
      emptyChains: [],
      ...foreign,
    },
    hostAddresses: new Map(),
  };
}

const PEERS = ["a", "b"].map((name, index) =>
  samplePeer({
    name,
    tunnel: { device: name, ip: `172.28.0.${2 * index}`, peerIp: `172.28.0.${2 * index + 1}` },
    altIp: `172.29.0.${index}`,
  })
);
const HUB = sampleSettings({ peers: PEERS });

function desire(
  settings = HUB,
  admissions: Readonly<Record<string, Admission>> = {},
  foreign: Partial<Observed["foreign"]> = {},
) {
  return desiredState(settings, OUTSIDE, new Map(Object.entries(admissions)), observed(foreign), NOW);
}

/** Listeners by their keys. */
function listening(...keys: string[]): Observed["foreign"]["listeners"] {
  return new Map(keys.map((key) => {
    const [ip, port] = key.split(":");
    return [key, { local: { ip: ip!, port: Number(port) }, device: null }];
  }));
}

Deno.test("instanceName() is the first peer's", () => {
  assert.equal(instanceName(HUB), "a");
});

Deno.test("desiredState() of a server without clients is its gate and its listener", () => {
  const { tunnels, listeners, altAddresses, gate } = desire();
  assert.deepEqual([tunnels.size, altAddresses.size], [0, 0]);
  const local = { ip: "192.0.2.1", port: 10_000 };
  assert.deepEqual(listeners, new Map([["192.0.2.1:10000", { local, device: "eth0" }]]));
  assert.deepEqual([gate?.table, gate?.name, gate?.mark], ["ipipou", "a", "ipipou:a"]);
  assert.deepEqual([gate?.remotes.size, gate?.addresses.size, gate?.alts.size], [0, 0, 0]);
  assert.deepEqual(gate?.local, local);
});

Deno.test("desiredState() has a tunnel for each admitted peer", () => {
  const { tunnels, gate } = desire(HUB, { b: HERE });
  assert.deepEqual([...tunnels.values()], [{
    name: "b",
    alias: "ipipou:a",
    remote: HOME,
    local: { ip: "192.0.2.1", port: 10_000 },
    checksum: null,
    link: "eth0",
    inner: { ip: "172.28.0.2", peerIp: "172.28.0.3" },
    up: true,
  }]);
  assert.deepEqual(
    gate?.remotes,
    new Map([["198.51.100.2:40001", { endpoint: HOME, alt: null, expiresAt: null }]]),
  );
  assert.deepEqual(gate?.addresses, new Set([HOME.ip]));
  assert.equal(gate?.rules.readdresses, false);
});

Deno.test("desiredState() gives the second of one address all that its private address needs", () => {
  const second = { remote: { ...HOME, port: 40_002 }, expiresAt: NOW + 5 };
  const { tunnels, listeners, altAddresses, gate } = desire(HUB, { a: HERE, b: second });
  assert.deepEqual([...tunnels.values()].map(({ local }) => local.ip), ["192.0.2.1", "172.29.0.1"]);
  assert.deepEqual([...listeners.keys()], ["192.0.2.1:10000", "172.29.0.1:10000"]);
  assert.deepEqual(altAddresses, new Map([["172.29.0.1", "eth0"]]));
  assert.deepEqual(gate?.remotes.get("198.51.100.2:40002"), {
    endpoint: second.remote,
    alt: "172.29.0.1",
    expiresAt: NOW + 5,
  });
  assert.deepEqual(gate?.alts, new Set(["172.29.0.1"]));
  assert.equal(gate?.rules.readdresses, true);
});

Deno.test("desiredState() keeps the tunnel of a peer whose time is over, and shuts it out", () => {
  for (const expiresAt of [NOW, NOW - 1]) {
    const { tunnels, gate } = desire(HUB, { a: { remote: HOME, expiresAt } });
    assert.equal(tunnels.size, 1);
    assert.equal(gate?.remotes.size, 0);
    assert.deepEqual(gate?.addresses, new Set([HOME.ip]));
  }
  assert.equal(desire(HUB, { a: { remote: HOME, expiresAt: NOW + 1 } }).gate?.remotes.size, 1);
});

Deno.test("desiredState() lets in the peer that took over another's endpoint", () => {
  for (const [old, taker] of [["a", "b"], ["b", "a"]] as const) {
    const { gate, tunnels } = desire(HUB, { [old]: { remote: HOME, expiresAt: NOW }, [taker]: HERE });
    const local = tunnels.get(taker)!.local.ip;
    assert.equal(gate?.remotes.size, 1);
    assert.equal(gate?.remotes.get("198.51.100.2:40001")?.alt, local === OUTSIDE.ip ? null : local);
  }
});

Deno.test("desiredState() has each auth length once, ascending", () => {
  const token = { kind: "token", token: new Uint8Array(200) } as const;
  const schemes = [token, ed25519({}), { kind: "port" } as const, ed25519({})];
  const peers = schemes.map((scheme, index) => samplePeer({ name: `p${index}`, scheme }));
  assert.deepEqual(desire(sampleSettings({ peers })).gate?.rules.authLengths, [0, 73, 200]);
});

Deno.test("desiredState() hands the settings on", () => {
  const settings = sampleSettings({
    local: { ip: "192.0.2.1", device: null, port: 7 },
    encapCsum: true,
    queue: { number: 42, maxLength: 1 },
    nft: { table: "mine", counter: false },
  });
  const { tunnels, listeners, gate } = desire(settings, { ipipou0: HERE });
  const tunnel = tunnels.get("ipipou0")!;
  assert.deepEqual([tunnel.local.port, tunnel.link, tunnel.checksum], [7, null, true]);
  assert.equal(listeners.get("192.0.2.1:7")?.device, null);
  const { table, queue, counter, device } = gate!.rules;
  assert.deepEqual([table, queue, counter, device], ["mine", 42, false, null]);
});

Deno.test("desiredState() of a client is a tunnel and its listener, and no gate", () => {
  const settings = sampleSettings({ mode: "client" });
  const { tunnels, listeners, gate } = desire(settings, { ipipou0: HERE });
  assert.deepEqual([...tunnels.keys()], ["ipipou0"]);
  assert.deepEqual([...listeners.keys()], ["192.0.2.1:10000"]);
  assert.equal(gate, null);
  assert.equal(desire(settings).listeners.size, 0);
});

Deno.test("desiredState() leaves another's listener and says so in its marks", () => {
  for (const taken of ["192.0.2.1:10000", "0.0.0.0:10000"]) {
    const { tunnels, listeners, gate } = desire(HUB, { a: HERE }, { listeners: listening(taken) });
    assert.equal(listeners.size, 0);
    assert.equal(tunnels.get("a")?.alias, "ipipou:a:foreign-listener");
    assert.equal(gate?.mark, "ipipou:a:foreign-listener");
  }
  const { listeners, gate } = desire(HUB, {}, { listeners: listening("0.0.0.0:10001", "192.0.2.9:10000") });
  assert.equal(listeners.size, 1);
  assert.equal(gate?.mark, "ipipou:a");
});

Deno.test("desiredState() leaves another's private address and says so in the tunnel's mark", () => {
  const peers = [samplePeer({ name: "a", forceAlt: true })];
  const addresses = new Map([["172.29.0.0", "lo"], ["192.0.2.1", "eth0"]]);
  const { tunnels, altAddresses } = desire(sampleSettings({ peers }), { a: HERE }, { addresses });
  assert.equal(altAddresses.size, 0);
  assert.equal(tunnels.get("a")?.alias, "ipipou:a:foreign-address");
  const others = desire(HUB, { a: HERE }, { addresses });
  assert.equal(others.tunnels.get("a")?.alias, "ipipou:a");
});

Deno.test("desiredState() makes way for another's device", () => {
  const pairs = new Set([pairKey("192.0.2.1", HOME.ip)]);
  assert.equal(desire(HUB, { a: HERE }, { pairs }).tunnels.get("a")?.local.ip, "172.29.0.0");
});
