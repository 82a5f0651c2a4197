import type { InstanceStatus, TunnelStatus } from "../../../lib/status/snapshot.ts";

/** A client's tunnel that is up, but for `fields`. */
export function sampleTunnel(fields: Partial<TunnelStatus> = {}): TunnelStatus {
  return {
    ...{ name: "ipipou1", ifname: "ipipou1", state: "up", ok: true, why: null, cure: null },
    ...{ address: "172.28.0.3", peer: "172.28.0.2", mtu: 1472, private: null },
    local: { address: "10.0.0.2", port: 10_001 },
    remote: { address: "192.0.2.1", port: 10_001 },
    ...{ "auth_age": 3.2, "reply_age": 3.1, "received_age": 1, "expires_in": null },
    ...{ moves: 0, sharing: 0, "shares_with": [] },
    stats64: { rx: { bytes: 1_300_000, packets: 900 }, tx: { bytes: 12_000, packets: 80 } },
    ...fields,
  };
}

/** A client that is up, but for `fields`. */
export function sampleInstance(fields: Partial<InstanceStatus> = {}): InstanceStatus {
  return {
    ...{ version: 1, name: "ipipou1", config: "office", role: "client", source: "instance" },
    ...{ state: "up", ok: true, why: null, cure: null },
    ...{
      pid: 7,
      release: "1.0.0",
      uptime: 7_500,
      time: 1_795_219_200,
      local: [{ address: "10.0.0.2", port: 10_001 }],
      dev: "eth0",
    },
    ...{ hub: false, heals: 0, refused: null, "reload_failed": null },
    ...fields,
  };
}

/** A hub, but for `fields`. */
export function sampleHub(fields: Partial<InstanceStatus> = {}): InstanceStatus {
  return sampleInstance({
    ...{ name: "hub", config: "hub", role: "server", hub: true },
    local: [{ address: "192.0.2.1", port: 10_001 }],
    refused: { count: 0, last: null },
    ...fields,
  });
}

/** A hub's peer that is up, but for `fields`. */
export function samplePeerStatus(name: string, fields: Partial<TunnelStatus> = {}): TunnelStatus {
  return sampleTunnel({
    ...{ name, ifname: name, address: "172.28.0.2", peer: "172.28.0.11" },
    local: { address: "192.0.2.1", port: 10_001 },
    remote: { address: "198.51.100.2", port: 4_001 },
    ...fields,
  });
}
