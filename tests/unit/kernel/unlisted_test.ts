import assert from "node:assert/strict";
import { formatMark } from "../../../lib/kernel/mark.ts";
import { unlistedListeners } from "../../../lib/kernel/unlisted.ts";
import {
  EMPTY_STATE,
  type Gate,
  type Listener,
  listenerKey,
  type Observed,
  parkedAddresses,
  type Tunnel,
} from "../../../lib/kernel/state.ts";
import { sampleObserved } from "../samples.ts";

const PORT = 10_000;

function tunnel(number: number, fields: Partial<Tunnel> = {}): Tunnel {
  return {
    name: `p${number}`,
    alias: "ipipou:hub:private-address",
    remote: { ip: "198.51.100.2", port: 1000 + number },
    local: { ip: `172.29.0.${number}`, port: PORT },
    checksum: null,
    header: "",
    mtu: 1472,
    fwmark: 0,
    link: "eth0",
    inner: null,
    up: true,
    routes: [],
    ...fields,
  };
}

const GATE: Gate = {
  table: "ipipou",
  name: "hub",
  fingerprint: "",
  mark: "ipipou:hub",
  ip: "192.0.2.1",
  ports: [PORT, PORT + 1],
  remotes: new Map(),
  addresses: new Set(),
  endpoints: new Set(),
  shared: new Set(),
  alts: new Set(),
  devices: new Set(),
  sources: new Set(),
  clamped: new Set(),
  hints: new Set(),
  parts: new Set(),
  rules: null,
  declarations: new Map(),
};

/** A hub with these listed FOU ports. */
function observed(tunnels: readonly Tunnel[], listed: readonly string[], others = 0): Observed {
  const listener = (ip: string, port = PORT): [string, Listener] => {
    const local = { ip, port };
    return [listenerKey(local), { local, device: null }];
  };
  return sampleObserved({
    own: {
      ...EMPTY_STATE,
      tunnels: new Map(tunnels.map((tunnel) => [tunnel.name, tunnel])),
      listeners: new Map([
        listener("192.0.2.1"),
        listener("192.0.2.1", PORT + 1),
        ...listed.map((ip) => listener(ip)),
      ]),
      gate: GATE,
    },
    foreign: {
      listeners: new Map(Array.from({ length: others }, (_, index) => listener("192.0.2.9", index + 1))),
    },
  });
}

const TUNNELS = Array.from({ length: 50 }, (_, index) => tunnel(index + 1));
const LISTED = TUNNELS.map(({ local }) => local.ip);

Deno.test("unlistedListeners() finds the FOU ports that tunnels use and a long list lacks", () => {
  assert.deepEqual(unlistedListeners(observed(TUNNELS, LISTED)), []);
  assert.deepEqual(unlistedListeners(observed(TUNNELS, LISTED.toSpliced(20, 1))), [
    { local: { ip: "172.29.0.21", port: PORT }, device: null },
  ]);
});

Deno.test("unlistedListeners() finds the gate's own FOU port too", () => {
  const found = observed(TUNNELS, LISTED);
  const listeners = new Map([...found.own.listeners].filter(([key]) => key !== "192.0.2.1:10001"));
  assert.deepEqual(unlistedListeners({ ...found, own: { ...found.own, listeners } }), [
    { local: { ip: "192.0.2.1", port: PORT + 1 }, device: null },
  ]);
});

Deno.test("unlistedListeners() takes a short list for complete", () => {
  const few = TUNNELS.slice(0, 10);
  assert.deepEqual(unlistedListeners(observed(few, [])), []);
  assert.equal(unlistedListeners(observed(few, [], 40)).length, 10);
});

Deno.test("unlistedListeners() leaves out foreign ports and parked tunnels", () => {
  const { local, remote } = parkedAddresses("172.28.0.1");
  const special = [
    tunnel(60, {
      alias: formatMark({ name: "hub", foreignPorts: [PORT], privateAddress: "own", mtu: null }),
    }),
    tunnel(61, { local: { ip: local, port: PORT }, remote: { ip: remote, port: 1 } }),
    tunnel(62),
  ];
  const missing = unlistedListeners(observed([...TUNNELS, ...special], LISTED));
  assert.deepEqual(missing.map(({ local }) => local.ip), ["172.29.0.62"]);
});

Deno.test("unlistedListeners() takes forty listeners for a long list, own or foreign", () => {
  const few = TUNNELS.slice(0, 10);
  // Two are the gate's own.
  assert.equal(unlistedListeners(observed(few, [], 37)).length, 0);
  assert.equal(unlistedListeners(observed(few, [], 38)).length, 10);
});
