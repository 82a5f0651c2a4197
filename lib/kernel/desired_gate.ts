import { isLive } from "../admission.ts";
import { ANNOUNCEMENT_LENGTH, authPayloadLength } from "../auth/scheme.ts";
import type { Endpoint } from "../packet.ts";
import type { Peer, Settings } from "../settings/settings.ts";
import { partsOf } from "./gate_names.ts";
import { capacityFor, fingerprintOf } from "./gate_rules.ts";
import type { GoodHints } from "./hints.ts";
import { formatMark } from "./mark.ts";
import { type Foreign, isForeignListener, type Member, type Outside } from "./member.ts";
import { endpointKey, type Gate, type GateRules, isParked, type Observed, type Tunnel } from "./state.ts";

/** A gate as it should be, with the input of its rules. */
export interface DesiredGate extends Gate {
  readonly rules: GateRules;
}

/**
 * The gate of a server.
 *
 * @param hints those that clients may give now; undefined: they are not looked for
 * @param members the peers that have a tunnel
 * @param tunnels all that should stand, also of what the kernel keeps from going
 * @param alts the private addresses in use
 * @param now milliseconds of `Clock.now()`
 */
export function desiredGate(
  { settings, outside, hints }: { settings: Settings; outside: Outside; hints: GoodHints | undefined },
  members: readonly Member[],
  tunnels: readonly Tunnel[],
  alts: ReadonlySet<string>,
  foreign: Foreign,
  now: number,
): DesiredGate {
  const { keys, queue } = hints ?? { keys: new Set<string>(), queue: 0 };
  const known = desiredRules(settings, outside, foreign);
  const rules = { ...known, readdresses: alts.size > 0, hintQueue: keys.size > 0 ? queue : null };
  const sharing = new Set(
    settings.peers.filter(({ sharedIpip }) => sharedIpip).map(({ tunnel }) => tunnel.device),
  );
  const present = members.filter(({ tunnel }) => !isParked(tunnel));
  const live = present.filter(({ admission }) =>
    isLive(admission, now) && rules.ports.includes(admission.port)
  );
  /** What stays although it was to go is shut out too. */
  const standing = tunnels.filter((tunnel) => !isParked(tunnel));
  const taken = new Set(
    standing.filter(({ local }) => local.ip === outside.ip).map(({ remote }) => remote.ip),
  );
  const shared = present.filter(({ tunnel }) => sharing.has(tunnel.name) && !taken.has(tunnel.remote.ip));
  const filtered = members.filter(({ sources }) => sources !== null);
  return {
    ...gateOf(rules),
    remotes: new Map(live.map(({ key, remote }) => [key, remote])),
    addresses: new Set(standing.map(({ remote }) => remote.ip)),
    shared: new Set(shared.map(({ tunnel }) => tunnel.remote.ip)),
    endpoints: new Set(standing.map(({ remote }) => endpointKey(remote))),
    alts,
    devices: new Set(filtered.map(({ tunnel }) => tunnel.name)),
    sources: new Set(filtered.flatMap(({ sources }) => sources!)),
    clamped: new Set(rules.clamp === null ? [] : members.map(({ tunnel }) => tunnel.name)),
    hints: keys,
  };
}

/**
 * The gate of a client; null: it goes without one where nft cannot be used.
 *
 * @param server where its server is; null: there is to be no tunnel
 * @param alt the tunnel's private address, if it has one
 */
export function desiredClientGate(
  settings: Settings,
  outside: Outside,
  server: Endpoint | null,
  alt: string | null,
  { hasNft, foreign }: Observed,
): DesiredGate | null {
  if (!hasNft || server === null) return null;
  const { mssClamp, peers } = settings;
  const devices = mssClamp === null ? [] : peers.map(({ tunnel }) => tunnel.device);
  const known = desiredRules(settings, outside, foreign);
  const isShared = known.ports.some((port) =>
    foreign.tunnelPorts.has(port) || isForeignListener(foreign, { ip: known.ip, port })
  );
  const serverPorts = [peers[0]!.remote, ...settings.fallbacks].flatMap(({ port }) => port ?? [])
    .filter((port, index, all) => port !== server.port && all.indexOf(port) === index)
    .sort((a, b) => a - b);
  const rules = { ...known, server, serverPorts, alt, excludes: foreign.wildcards.length > 0 && !isShared };
  return { ...gateOf(rules), clamped: new Set(devices) };
}

/** A gate with empty sets. */
function gateOf(rules: GateRules): DesiredGate {
  const { table, name, mark, ip, ports } = rules;
  return {
    ...{ table, name, mark, ip, ports },
    fingerprint: fingerprintOf(rules),
    rules,
    remotes: new Map(),
    ...{ addresses: new Set(), shared: new Set(), endpoints: new Set(), alts: new Set() },
    ...{ devices: new Set(), sources: new Set(), clamped: new Set(), hints: new Set() },
    parts: partsOf(rules),
    declarations: new Map(),
  };
}

function desiredRules(
  { name, local: { ports }, fouMark, nft, queue, peers, mssClamp }: Settings,
  { ip, isRuled }: Outside,
  foreign: Foreign,
): GateRules {
  const foreignPorts = ports.filter((port) => isForeignListener(foreign, { ip, port }));
  return {
    server: null,
    serverPorts: [],
    table: nft.table,
    name,
    ip,
    ports,
    capacity: capacityFor(peers.length),
    authLengths: [...new Set(peers.flatMap(lengthsOf))].sort((a, b) => a - b),
    queue: queue.number,
    counter: nft.counter,
    readdresses: false,
    reroutes: isRuled ? fouMark : null,
    filters: peers.some(({ allowedIps }) => allowedIps !== null),
    shares: peers.some(({ sharedIpip }) => sharedIpip),
    hintQueue: null,
    excludes: false,
    alt: null,
    clamp: mssClamp,
    mark: formatMark({ name, foreignPorts, privateAddress: null, mtu: null }),
  };
}

/** Lengths of the payloads that a peer may send to the program: where its good-bye counts, that too. */
function lengthsOf({ scheme, replay }: Peer): number[] {
  const isGoodbyeTaken = scheme.kind === "ed25519" && replay !== "off";
  return [authPayloadLength(scheme), ...isGoodbyeTaken ? [ANNOUNCEMENT_LENGTH] : []];
}
