import assert from "node:assert/strict";
import { gatherInstance } from "../../../lib/doctor/gather_instance.ts";
import { gatherMtus, openTunnels } from "../../../lib/doctor/gather_mtu.ts";
import type { PingAnswer, Pinger } from "../../../lib/doctor/pinger.ts";
import { type InstanceSystem, type Sight, takeSight } from "../../../lib/doctor/sight.ts";
import type { Host } from "../../../lib/doctor_ports.ts";
import type { Tunnel } from "../../../lib/kernel/state.ts";
import type { Routes } from "../../../lib/kernel_ports.ts";
import type { Peer } from "../../../lib/settings/settings.ts";
import { VirtualClock } from "../fake/clock.ts";
import { newHost } from "../fake/scene.ts";
import { samplePeer, sampleSettings } from "../samples.ts";

const HOST = { families: () => new Set(["fou"]), read: () => null } as Partial<Host> as Host;

/** A peer's tunnel that leads somewhere, but for `fields`. */
function tunnelOf(index: number, fields: Partial<Tunnel> = {}): Tunnel {
  return {
    ...{ name: `p${index}`, alias: "ipipou:ipipou0", checksum: null, header: "", mtu: 1472, fwmark: 0 },
    ...{ link: null, up: true, routes: [], inner: { ip: "172.28.0.0", peerIp: "172.28.0.1" } },
    local: { ip: "192.0.2.1", port: 10_000 },
    remote: { ip: `198.51.100.${index}`, port: 4_001 },
    ...fields,
  };
}

/** What is seen of a server that has these tunnels, or these peers and no tunnel. */
async function look(
  tunnels: readonly Tunnel[],
  peers: readonly Peer[] = [samplePeer()],
): Promise<{ readonly sight: Sight; readonly around: InstanceSystem }> {
  const { system } = newHost({ latency: null }, new VirtualClock()).start();
  const around = { system: { ...system, hasProgram: () => false }, host: HOST };
  const sight = await takeSight(sampleSettings({ peers: [...peers] }), around, false);
  const own = { ...sight.observed.own, tunnels: new Map(tunnels.map((tunnel) => [tunnel.name, tunnel])) };
  return { sight: { ...sight, observed: { ...sight.observed, own } }, around };
}

Deno.test("gatherInstance() looks for the ways to some of many peers, and to none that is parked", async () => {
  const tunnels = Array.from({ length: 90 }, (_, index) => tunnelOf(index));
  const parked = tunnelOf(200, { remote: { ip: "0.0.1.11", port: 1 } });
  const { sight, around } = await look([parked, ...tunnels]);
  const asked: string[] = [];
  const findWays: Routes["findWays"] = (ips) => {
    asked.push(...ips);
    return ips.map(() => null);
  };
  const openRoutes = () => Object.assign(around.system.openRoutes(), { findWays });
  const { reversePath } = await gatherInstance(sight, {
    ...around,
    system: { ...around.system, openRoutes },
  });
  assert.deepEqual(asked, tunnels.slice(0, 64).map(({ remote }) => remote.ip));
  assert.deepEqual([...reversePath.ways.keys()], asked);
});

Deno.test("gatherInstance() names the networks that a peer may send from, and that no route of its leads to, whole", async () => {
  const unroutedOf = async (allowedIps: readonly string[] | null, routes: readonly string[]) => {
    const { sight, around } = await look([], [samplePeer({ allowedIps, routes })]);
    return [...(await gatherInstance(sight, around)).reversePath.unrouted.values()].flat();
  };
  const routes = ["10.0.0.0/16"];
  assert.deepEqual(await unroutedOf(null, []), []);
  assert.deepEqual(await unroutedOf(["172.28.0.1", "10.0.0.0/16", "10.0.7.0/24", "10.0.0.9"], routes), []);
  const others = ["10.0.0.0/8", "10.1.0.0/24", "172.28.0.9"];
  assert.deepEqual(await unroutedOf(others, routes), others);
});

Deno.test("openTunnels() has the first few that are up, have addresses, and lead somewhere", async () => {
  const tunnels = Array.from({ length: 12 }, (_, index) => tunnelOf(index));
  const shut = [
    ...[{ up: false }, { inner: null }, { remote: { ip: "0.0.1.11", port: 1 } }],
  ].map((fields, index) => tunnelOf(100 + index, fields));
  const { sight } = await look([...shut, ...tunnels]);
  assert.deepEqual(
    openTunnels(sight.observed).map(({ name }) => name),
    tunnels.slice(0, 8).map(({ name }) => name),
  );
});

Deno.test("gatherMtus() waits no longer for a ping than it may take, and long enough for a quick one", async () => {
  const patienceAfter = async (after: number) => {
    const patiences: number[] = [];
    const ping = (
      _way: unknown,
      _destination: string,
      length: number,
      patience: number,
    ): Promise<PingAnswer> => {
      patiences.push(patience);
      return Promise.resolve(length > 1_000 ? { kind: "lost" } : { kind: "answered", after });
    };
    const { sight, around } = await look([tunnelOf(1)]);
    const [facts] = await gatherMtus(sight, around, { ping } as Partial<Pinger> as Pinger);
    assert.deepEqual(facts, {
      ...{
        device: "p1",
        peer: null,
        target: "172.28.0.1",
        mtu: 1_472,
        longest: { length: 1_000, isTold: false },
      },
    });
    // The first length, the whole MTU, has no answer in three tries.
    assert.deepEqual(patiences.slice(0, 4), [1_000, 1_000, 1_000, 1_000]);
    return patiences[4];
  };
  assert.equal(await patienceAfter(1), 150);
  assert.equal(await patienceAfter(100), 400);
  assert.equal(await patienceAfter(900), 1_000);
});
