import { authPayloadLength } from "../auth/scheme.ts";
import { type Admission, isLive } from "../gate.ts";
import type { Endpoint } from "../packet.ts";
import type { Peer, Settings } from "../settings/settings.ts";
import { fingerprintOf, partsOf } from "./gate_rules.ts";
import { assignLocals } from "./layout.ts";
import { formatMark } from "./mark.ts";
import {
  ANY_ADDRESS,
  type Gate,
  type GateRules,
  type KernelState,
  type Listener,
  listenerKey,
  type Observed,
  type Remote,
  remoteKey,
  type Tunnel,
} from "./state.ts";

/** A gate as it should be, with what its rules are made of. */
export interface DesiredGate extends Gate {
  readonly rules: GateRules;
}

/** The state of the kernel that one instance wants. */
export interface DesiredState extends KernelState {
  readonly gate: DesiredGate | null;
}

/** The outer address and device an instance works on. */
export interface Outside {
  readonly ip: string;
  /** The device the address is on: private local addresses go there too. */
  readonly device: string;
}

/** The instance's name in marks, chains and sets: the device name of its first tunnel. */
export function instanceName(settings: Settings): string {
  return settings.peers[0]!.name;
}

/**
 * Derives what should be in the kernel from the settings, who is admitted, and what others have there.
 *
 * @param now milliseconds of a clock that never jumps
 */
export function desiredState(
  settings: Settings,
  outside: Outside,
  admissions: ReadonlyMap<string, Admission>,
  { own, foreign }: Observed,
  now: number,
): DesiredState {
  const { peers, local: { port }, mode } = settings;
  const locals = assignLocals(peers, admissions, outside.ip, own.tunnels, foreign.pairs);
  const used = new Set([...(mode === "server" ? [outside.ip] : []), ...locals.values()]);
  const alts = new Set([...used].filter((address) => address !== outside.ip));
  const listeners = [...used]
    .map((ip): Listener => ({ local: { ip, port }, device: settings.local.device }))
    .filter(({ local }) => !isForeignListener(foreign.listeners, local));
  const admitted = peers.filter((peer) => locals.has(peer.name));
  const live = new Map([...admissions].filter(([, admission]) => isLive(admission, now)));
  const tunnels = admitted.map((peer) => {
    const local = { ip: locals.get(peer.name)!, port };
    const foreignListener = isForeignListener(foreign.listeners, local);
    const foreignAddress = alts.has(local.ip) && foreign.addresses.has(local.ip);
    const alias = formatMark({ name: instanceName(settings), foreignListener, foreignAddress });
    return desiredTunnel(settings, peer, local, admissions.get(peer.name)!.remote, alias);
  });
  return {
    tunnels: new Map(tunnels.map((tunnel) => [tunnel.name, tunnel])),
    listeners: new Map(listeners.map((listener) => [listenerKey(listener.local), listener])),
    altAddresses: new Map(
      [...alts].filter((address) => !foreign.addresses.has(address)).map((
        address,
      ) => [address, outside.device]),
    ),
    gate: mode === "server" ? desiredGate(settings, outside, live, tunnels, foreign.listeners) : null,
    obsoleteRules: new Set(),
  };
}

/** Tells whether a FOU port is another's: at this address, or at all of them. */
function isForeignListener(foreign: Observed["foreign"]["listeners"], local: Endpoint): boolean {
  return foreign.has(listenerKey(local)) || foreign.has(listenerKey({ ip: ANY_ADDRESS, port: local.port }));
}

function desiredTunnel(
  settings: Settings,
  peer: Peer,
  local: Endpoint,
  remote: Endpoint,
  alias: string,
): Tunnel {
  return {
    name: peer.tunnel.device,
    alias,
    remote,
    local,
    checksum: settings.encapCsum,
    link: settings.local.device,
    inner: { ip: peer.tunnel.ip, peerIp: peer.tunnel.peerIp },
    up: true,
  };
}

function desiredGate(
  settings: Settings,
  outside: Outside,
  live: ReadonlyMap<string, Admission>,
  tunnels: readonly Tunnel[],
  foreignListeners: Observed["foreign"]["listeners"],
): DesiredGate {
  const { local: { port, device }, nft, queue, peers } = settings;
  const name = instanceName(settings);
  const local = { ip: outside.ip, port };
  const alts = new Set(tunnels.map((tunnel) => tunnel.local.ip).filter((address) => address !== outside.ip));
  const foreignListener = isForeignListener(foreignListeners, local);
  const rules: GateRules = {
    table: nft.table,
    name,
    local,
    device,
    authLengths: [...new Set(peers.map((peer) => authPayloadLength(peer.scheme)))].sort((a, b) => a - b),
    queue: queue.number,
    counter: nft.counter,
    readdresses: alts.size > 0,
    mark: formatMark({ name, foreignListener, foreignAddress: false }),
  };
  const remotes = peers.flatMap((peer): Remote[] => {
    const tunnel = tunnels.find((candidate) => candidate.name === peer.tunnel.device);
    const admission = live.get(peer.name);
    if (tunnel === undefined || admission === undefined) return [];
    const alt = tunnel.local.ip === outside.ip ? null : tunnel.local.ip;
    return [{ endpoint: tunnel.remote, alt, expiresAt: admission.expiresAt }];
  });
  return {
    table: nft.table,
    name,
    fingerprint: fingerprintOf(rules),
    mark: rules.mark,
    local,
    rules,
    remotes: new Map(remotes.map((remote) => [remoteKey(remote.endpoint), remote])),
    addresses: new Set(tunnels.map((tunnel) => tunnel.remote.ip)),
    alts,
    parts: partsOf(rules),
  };
}
