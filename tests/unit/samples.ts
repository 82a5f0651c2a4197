import { EMPTY_STATE, type Observed } from "../../lib/kernel/state.ts";
import type { Routes } from "../../lib/kernel_ports.ts";
import type { Peer, Settings } from "../../lib/settings/settings.ts";

const HEADER = { ttl: 64, tos: 0, pmtudisc: true } as const;

/** A peer with nothing special about it, but for `fields`. */
export function samplePeer(
  { tunnel, ...fields }: Partial<Omit<Peer, "tunnel">> & { tunnel?: Partial<Peer["tunnel"]> } = {},
): Peer {
  const device = fields.name ?? "ipipou0";
  return {
    name: "ipipou0",
    tunnel: { device, ip: "172.28.0.0", peerIp: "172.28.0.1", mtu: null, header: HEADER, ...tunnel },
    remote: { host: null, port: null },
    byRemote: { ip: false, port: false },
    scheme: { kind: "token", token: new TextEncoder().encode("a token of 24 characters") },
    maxTimeDiscrepancy: 0,
    replay: "strict",
    lifetime: 0,
    reply: false,
    altIp: "172.29.0.0",
    forceAlt: false,
    sharedIpip: false,
    allowedIps: null,
    routes: [],
    moveInterval: 0,
    silentAfter: 0,
    ...fields,
  };
}

/** A server's settings with nothing special about them, but for `fields`. */
export function sampleSettings(fields: Partial<Settings> = {}): Settings {
  return {
    mode: "server",
    name: fields.peers?.[0]?.name ?? "ipipou0",
    firstAltIp: "172.29.0.0",
    privateNet: "172.29.0.0/16",
    number: 0,
    local: { ip: "192.0.2.1", device: "eth0", ports: [10000] },
    fouMark: 0,
    encapCsum: null,
    mssClamp: null,
    queue: { number: 0, maxLength: 24 },
    nft: { table: "ipipou", counter: true },
    keepalive: 0,
    fallbacks: [],
    monitor: { port: false, ping: false },
    authPacketTtl: null,
    reauthOnly: false,
    wait: false,
    log: { verbosity: 0, time: false, pid: false, format: "text", addresses: true },
    isOfMany: false,
    peers: [samplePeer()],
    ...fields,
  };
}

/** A kernel without routes or rules, but for `fields`. */
export function sampleRoutes(fields: Partial<Routes> = {}): Routes {
  return {
    findCounts: () => null,
    findWays: (ips: readonly string[]) => ips.map(() => null),
    findSource: () => null,
    findRoute: () => null,
    hasRuleFor: () => false,
    hasRuleForMark: () => false,
    [Symbol.dispose]: () => {},
    ...fields,
  };
}

/** An observed kernel without own or relevant foreign objects, except for `fields`. */
export function sampleObserved(
  { foreign, ...fields }: Partial<Omit<Observed, "foreign">> & { foreign?: Partial<Observed["foreign"]> },
): Observed {
  return {
    own: EMPTY_STATE,
    foreign: {
      devices: new Map(),
      pairs: new Set(),
      listeners: new Map(),
      claims: new Map(),
      gated: new Map(),
      addresses: new Map(),
      routes: new Map(),
      emptyChains: [],
      wildcards: [],
      tunnelPorts: new Set(),
      ...foreign,
    },
    hostAddresses: new Map([["eth0", ["192.0.2.1"]]]),
    hasNft: true,
    isLoopbackUp: true,
    outerName: null,
    unfitAddresses: new Map(),
    loneAddresses: new Set(),
    vrfMembers: new Set(),
    links: new Map(),
    paths: new Map(),
    ownIndexes: new Set(),
    unusedGroup: 1,
    ...fields,
  };
}
