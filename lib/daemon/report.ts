import { type Admission, isLive } from "../admission.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Outside } from "../kernel/member.ts";
import { isParked, type Tunnel } from "../kernel/state.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";
import type { TrafficCounts } from "../kernel_ports.ts";
import type { Peer, Settings } from "../settings/settings.ts";
import {
  type InstanceStatus,
  type Place,
  seconds,
  STATUS_VERSION,
  type TunnelStatus,
} from "../status/snapshot.ts";
import { judgeClient, judgeInstance, judgePeer, type PeerFacts } from "../status/verdict.ts";
import { FLAPPING_PERIOD } from "./flapping.ts";
import type { ReloadFailure } from "./reload.ts";
import type { ClientView, ServerView, View } from "./view.ts";

/** How many of the peers at one address are named. */
const MOST_NAMES = 8;

/** What a status is made from. */
export interface ReportContext {
  /** Null: it is not ready. */
  readonly view: View | null;
  readonly settings: Settings;
  readonly config: string | null;
  readonly release: string;
  readonly pid: number;
  /** Milliseconds of `Clock.now()`. */
  readonly startedAt: number;
  readonly waitsFor: string | null;
  readonly reloadFailure: ReloadFailure | null;
  readonly kernel: Pick<Kernel, "countsOf" | "tunnels" | "heals">;
  /** The moment that all ages are counted from: whole milliseconds of `Clock.now()`, and as Unix milliseconds. */
  readonly now: number;
  readonly unixNow: number;
}

/** Makes the status of an instance. */
export function reportInstance(context: ReportContext): InstanceStatus {
  const { view, config, release, pid, startedAt, waitsFor, reloadFailure, kernel, now, unixNow } = context;
  const { mode, name, isOfMany, local: { ports, device } } = view?.settings ?? context.settings;
  return {
    ...{ version: STATUS_VERSION, name, config, role: mode, source: "instance", pid, release },
    ...judgeInstance(waitsFor, view?.problem ?? null, view !== null),
    uptime: age(startedAt, now),
    time: seconds(unixNow),
    local: view === null ? [] : ports.map((port) => ({ address: view.outside.ip, port })),
    dev: view?.outside.device ?? device,
    hub: isOfMany,
    heals: kernel.heals,
    "reload_failed": reloadFailure &&
      { why: reloadFailure.why, age: age(reloadFailure.at, now) },
    refused: view?.role === "server" ? refusedOf(view, now) : null,
  };
}

/** Makes the status of each tunnel, one at a time. @param only the name of the one peer to tell of; null: all */
export function* reportTunnels(context: ReportContext, only: string | null): Generator<TunnelStatus> {
  const { view } = context;
  if (view === null) return;
  const peers = view.settings.peers.filter(({ name }) => only === null || name === only);
  if (view.role === "client") {
    for (const peer of peers) yield clientTunnel(peer, view, context);
    return;
  }
  // Peers come and move while others are told of: all are told of as they are now, and so is who is beside whom.
  const seen = { ...view, admissions: new Map(view.admissions) };
  const neighbours = Object.groupBy(
    seen.settings.peers.filter(({ name }) => placeOf(seen.admissions.get(name), context.now) !== null),
    ({ name }) => seen.admissions.get(name)!.remote!.ip,
  );
  const silent = new Set(seen.liveness.silent);
  for (const peer of peers) yield peerTunnel(peer, seen, { neighbours, silent }, context);
}

function refusedOf({ history }: ServerView, now: number): InstanceStatus["refused"] {
  const { refusals: count, lastRefused } = history;
  if (lastRefused === null) return { count, last: null };
  const { refusal: why, source, at } = lastRefused;
  const [address = "", port] = source.split(":");
  return { count, last: { address, port: Number(port), why, age: age(at, now) } };
}

function clientTunnel(peer: Peer, view: ClientView, { kernel, now }: ReportContext): TunnelStatus {
  const { settings, outside, remote, replyState, problem, isMute, moves, knowledge, data } = view;
  const { sentAt, acceptedAt, acceptedSince, heardAt, isDeaf } = knowledge;
  const ageOf = (moment: number | null) => moment === null ? null : Math.max(0, now - moment);
  const verdict = judgeClient({
    ...{ server: formatEndpoint(remote), expectsReplies: peer.reply, replyState, packets: data },
    ...{
      problem,
      isMute,
      acceptedFor: ageOf(acceptedSince),
      acceptedAge: ageOf(acceptedAt),
      receivedAge: ageOf(heardAt),
      isDeaf,
    },
  });
  return {
    ...traitsOf(peer, outside, kernel.tunnels.get(peer.tunnel.device), data),
    ...verdict,
    local: placeAt({ ip: outside.ip, port: settings.local.ports[0] }),
    remote: placeAt(remote),
    "auth_age": age(sentAt, now),
    "reply_age": age(acceptedAt, now),
    "received_age": age(heardAt, now),
    ...{ "expires_in": null, moves, sharing: 0, "shares_with": [] },
  };
}

interface Others {
  /** Peers that are let in, by far address. */
  readonly neighbours: Partial<Record<string, readonly Peer[]>>;
  /** Names of the silent ones. */
  readonly silent: ReadonlySet<string>;
}

function peerTunnel(
  peer: Peer,
  view: ServerView,
  { neighbours, silent }: Others,
  { kernel, now }: ReportContext,
): TunnelStatus {
  const { name, tunnel: { device } } = peer;
  const { outside, history, liveness, admissions } = view;
  const admission = admissions.get(name);
  const place = placeOf(admission, now);
  // Most peers of a large hub may be away.
  const packets = kernel.tunnels.has(device) ? kernel.countsOf(device) : null;
  const record = history.of(name);
  // Nothing comes from a peer that is not let in.
  const receivedAt = place === null ? record?.receivedAt ?? null : history.see(name, packets);
  const others = place === null ? [] : neighbours[place.ip]!.filter((other) => other !== peer);
  const facts = { silence: silent.has(name) ? now - (liveness.heardAt(name) ?? now) : null, packets, now };
  return {
    ...traitsOf(peer, outside, kernel.tunnels.get(device), packets),
    ...judgePeer(factsOf(peer, view, facts)),
    local: admission === undefined ? null : placeAt({ ip: outside.ip, port: admission.port }),
    remote: place === null ? null : placeAt(place),
    "auth_age": age(record?.authenticatedAt ?? null, now),
    "reply_age": age(record?.repliedAt ?? null, now),
    "received_age": age(receivedAt, now),
    "expires_in": place === null || admission!.expiresAt === null
      ? null
      : seconds(admission!.expiresAt - now),
    moves: record?.moves ?? 0,
    sharing: others.length,
    "shares_with": others.slice(0, MOST_NAMES).map(({ name }) => name),
  };
}

function factsOf(
  { name, remote: { host }, byRemote, reply, tunnel: { device } }: Peer,
  { settings, hosts, admissions, faults, history }: ServerView,
  { silence, packets, now }: {
    readonly silence: number | null;
    readonly packets: TrafficCounts | null;
    readonly now: number;
  },
): PeerFacts {
  const { refused = null, parkedAs = null, arrivedAt = null, flapping = null, replyFault = null } =
    history.of(name) ?? {};
  const isFlapping = flapping !== null && now - flapping.at < FLAPPING_PERIOD;
  const isAlone = settings.peers.length === 1 && !admissions.has(name);
  return {
    admission: kindOf(admissions.get(name), now),
    fault: faults.get(name)?.message ?? null,
    missingHost: byRemote.ip && host !== null && !hosts.has(host) ? host : null,
    // Of a single peer that never came in, what is refused are most likely its packets.
    refused: refused ?? (isAlone ? history.lastRefused : null),
    parkedAs: parkedAs ?? "until it authenticates again",
    flapping: isFlapping ? flapping.between : null,
    replyFault: reply ? replyFault : null,
    age: arrivedAt === null ? null : now - arrivedAt,
    ...{ silence, packets, ports: settings.local.ports, device },
  };
}

function kindOf(admission: Admission | undefined, now: number): PeerFacts["admission"] {
  if (admission === undefined) return "none";
  if (admission.remote === null) return "parked";
  return isLive(admission, now) ? "in" : "over";
}

/** Where a peer is let in; null: nowhere. */
function placeOf(admission: Admission | undefined, now: number): Endpoint | null {
  return admission !== undefined && isLive(admission, now) ? admission.remote : null;
}

function traitsOf(
  { name, tunnel: { device, ip, peerIp, mtu } }: Peer,
  outside: Outside,
  tunnel: Tunnel | undefined,
  counts: TrafficCounts | null,
): Pick<TunnelStatus, "name" | "ifname" | "address" | "peer" | "mtu" | "private" | "stats64"> {
  const isPrivate = tunnel !== undefined && !isParked(tunnel) && tunnel.local.ip !== outside.ip;
  return {
    name,
    ifname: device,
    address: ip,
    peer: peerIp,
    mtu: tunnel?.mtu ?? mtu,
    private: isPrivate ? tunnel.local.ip : null,
    stats64: counts === null ? null : {
      rx: { bytes: counts.receivedBytes, packets: counts.received },
      tx: { bytes: counts.sentBytes, packets: counts.sent },
    },
  };
}

function placeAt({ ip, port }: Endpoint): Place {
  return { address: ip, port };
}

/** Seconds since a moment. What happened while the answer was made, happened just now. */
function age(moment: number, now: number): number;
function age(moment: number | null, now: number): number | null;
function age(moment: number | null, now: number): number | null {
  return moment === null ? null : seconds(Math.max(0, now - moment));
}
