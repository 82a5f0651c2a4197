import assert from "node:assert/strict";
import { findAdmissions } from "../../../lib/daemon/adoption.ts";
import { EMPTY_STATE, type KernelState, type Remote, type Tunnel } from "../../../lib/kernel/state.ts";
import { type Endpoint, placeKey } from "../../../lib/packet.ts";
import type { Peer } from "../../../lib/settings/settings.ts";
import { samplePeer } from "../samples.ts";

const MAIN = "192.0.2.1";
const PORT = 10_000;
const HOME = { ip: "198.51.100.2", port: 40_001 };
const ELSEWHERE = { ip: "203.0.113.9", port: 40_002 };

/** What an earlier run left: each peer's tunnel from a local address to a place, and the gate's remotes. */
function left(
  tunnels: Readonly<Record<string, readonly [local: string, remote: Endpoint]>>,
  letIn: readonly Pick<Remote, "endpoint" | "alt">[] | null,
  expiresAt: number | null = null,
): KernelState {
  const remotes = new Map(
    letIn?.map((remote) => [placeKey(remote.endpoint, PORT), { ...remote, port: PORT, expiresAt }]),
  );
  const gate = {
    table: "ipipou",
    name: "hub",
    fingerprint: "",
    mark: "",
    ip: MAIN,
    ports: [PORT],
    remotes,
    addresses: new Set<string>(),
    endpoints: new Set<string>(),
    shared: new Set<string>(),
    alts: new Set<string>(),
    devices: new Set<string>(),
    sources: new Set<string>(),
    clamped: new Set<string>(),
    hints: new Set<string>(),
    parts: new Set<string>(),
    rules: null,
    declarations: new Map(),
  };
  const devices = Object.entries(tunnels).map(([name, [local, remote]]): [string, Tunnel] => [name, {
    name,
    alias: "",
    remote,
    local: { ip: local, port: PORT },
    checksum: null,
    header: "",
    mtu: 1472,
    fwmark: 0,
    link: null,
    inner: null,
    up: true,
    routes: [],
  }]);
  return { ...EMPTY_STATE, tunnels: new Map(devices), gate: letIn === null ? null : gate };
}

function find(peers: Partial<Peer>[], own: KernelState) {
  return Object.fromEntries(findAdmissions(peers.map(samplePeer), own, MAIN));
}

Deno.test("findAdmissions() takes over peers with a tunnel, its place, and the expiry in the gate", () => {
  const state = left({ a: [MAIN, HOME], b: ["172.29.0.1", ELSEWHERE] }, [
    { endpoint: HOME, alt: null },
    { endpoint: ELSEWHERE, alt: "172.29.0.1" },
  ], 7000);
  const peers = [{ name: "a", lifetime: 60 }, { name: "b", lifetime: 60 }, { name: "c" }];
  assert.deepEqual(find(peers, state), {
    a: { remote: HOME, port: PORT, expiresAt: 7000 },
    b: { remote: ELSEWHERE, port: PORT, expiresAt: 7000 },
  });
});

Deno.test("findAdmissions() without a gate lets in only peers that were admitted for ever", () => {
  const state = left({ a: [MAIN, HOME], b: [MAIN, ELSEWHERE] }, null);
  assert.deepEqual(find([{ name: "a" }, { name: "b", lifetime: 60 }], state), {
    a: { remote: HOME, port: PORT, expiresAt: null },
    b: { remote: ELSEWHERE, port: PORT, expiresAt: 0 },
  });
});

Deno.test("findAdmissions() keeps out peers that a standing gate does not let in", () => {
  const state = left({ a: [MAIN, HOME] }, []);
  assert.deepEqual(find([{ name: "a" }], state), { a: { remote: HOME, port: PORT, expiresAt: 0 } });
});

Deno.test("findAdmissions() prefers the one of two peers at a place that the gate lets in, whatever their order", () => {
  const tunnels = { a: [MAIN, HOME], b: ["172.29.0.1", HOME] } as const;
  const here = { remote: HOME, port: PORT, expiresAt: null };
  const parked = { remote: null, port: PORT, expiresAt: 0 };
  for (const names of [["a", "b"], ["b", "a"]]) {
    const peers = names.map((name) => ({ name }));
    const of = (alt: string | null) => find(peers, left(tunnels, [{ endpoint: HOME, alt }]));
    assert.deepEqual(of(null), { a: here, b: parked });
    assert.deepEqual(of("172.29.0.1"), { a: parked, b: here });
  }
  assert.deepEqual(find([{ name: "b" }, { name: "a" }], left(tunnels, null)), { b: here, a: parked });
});

Deno.test("findAdmissions() takes over a parked tunnel as parked", () => {
  const state = left({ a: ["127.0.0.1", { ip: "0.28.0.1", port: PORT }] }, []);
  assert.deepEqual(find([{ name: "a" }], state), { a: { remote: null, port: PORT, expiresAt: 0 } });
});
