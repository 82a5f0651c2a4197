import { isDeepStrictEqual } from "node:util";
import type { Scheme } from "../auth/scheme.ts";
import { defaultQueueLength } from "./resolve.ts";
import type { Peer, Settings } from "./settings.ts";

type Shown = string | number | boolean | null;

/** A setting: its key in TOML, as what a reload finds changed is in files, and its value. */
type Row<T> = readonly [name: string, valueOf: (owner: T) => Shown];

/** Settings that cannot change while the program runs: marks, chains and sets in the kernel are named after them. */
const FIXED: readonly Row<Settings>[] = [
  ["server", ({ mode }) => mode === "server"],
  ["reauth-only", ({ reauthOnly }) => reauthOnly],
  ["tunl.dev", ({ name }) => name],
  ["nft.table", ({ nft, mode }) => mode === "server" ? nft.table : null],
];

/** Most changes that are listed one by one. */
const MOST_LISTED = 20;

const COMMON: readonly Row<Settings>[] = [
  ["fou.local-ip", ({ local }) => local.ip],
  ["fou.local-port", ({ local }) => local.ports.join(",")],
  ["fou.dev", ({ local }) => local.device],
  ["fou.private-net", ({ privateNet }) => privateNet],
  ["fou.mark", ({ fouMark }) => fouMark],
  ["encap.csum", ({ encapCsum }) => encapCsum],
  ["tunl.mss-clamp", ({ mssClamp }) => mssClamp ?? "off"],
  ["queue-number", ({ queue }) => queue.number],
  // By default it follows from the peers.
  [
    "nfq.max-len",
    ({ queue, peers }) => queue.maxLength === defaultQueueLength(peers.length) ? "auto" : queue.maxLength,
  ],
  ["nft.counter", ({ nft }) => nft.counter],
  ["keepalive", ({ keepalive }) => keepalive],
  ["fou.remote", ({ fallbacks }) => fallbacks.map(({ host, port }) => `${host}:${port}`).join(",") || null],
  ["monitor.port", ({ monitor }) => monitor.port],
  ["monitor.ping", ({ monitor }) => monitor.ping],
  ["auth.packet-ttl", ({ authPacketTtl }) => authPacketTtl],
  ["wait", ({ wait }) => wait],
  ["verb", ({ log }) => log.verbosity],
  ["log.time", ({ log }) => log.time !== false],
  ["log.pid", ({ log }) => log.pid !== false],
  ["log.format", ({ log }) => log.format],
  ["log.addresses", ({ log }) => log.addresses],
];

/** The first of the private local addresses that are handed out. */
const HANDED_OUT: readonly Row<Settings>[] = [["fou.local-ip-alt", ({ firstAltIp }) => firstAltIp]];

const OF_PEER: readonly Row<Peer>[] = [
  ["tunl.dev", ({ tunnel }) => tunnel.device],
  ["tunl.ip", ({ tunnel }) => tunnel.ip],
  ["tunl.peer-ip", ({ tunnel }) => tunnel.peerIp],
  ["tunl.ttl", ({ tunnel }) => tunnel.header.ttl],
  ["tunl.tos", ({ tunnel }) => showTos(tunnel.header.tos)],
  ["tunl.pmtudisc", ({ tunnel }) => tunnel.header.pmtudisc],
  ["tunl.mtu", ({ tunnel }) => tunnel.mtu ?? "auto"],
  ["fou.remote-ip", ({ remote }) => remote.host],
  ["fou.remote-port", ({ remote }) => remote.port],
  ["auth.by-remote-ip", ({ byRemote }) => byRemote.ip],
  ["auth.by-remote-port", ({ byRemote }) => byRemote.port],
  ["auth.max-time-discrepancy", ({ maxTimeDiscrepancy }) => maxTimeDiscrepancy],
  ["auth.replay", ({ replay }) => replay],
  ["auth.lifetime", ({ lifetime }) => lifetime],
  ["reply-on-auth-ok", ({ reply }) => reply],
  ["fou.local-ip-alt", ({ altIp }) => altIp],
  ["force-fou-local-ip-alt", ({ forceAlt }) => forceAlt],
  ["tunl.shared-ipip", ({ sharedIpip }) => sharedIpip],
  ["allowed-ips", ({ allowedIps }) => allowedIps?.join(",") ?? null],
  ["routes", ({ routes }) => routes.join(",") || null],
  ["auth.move-interval", ({ moveInterval }) => moveInterval],
  ["silent-after", ({ silentAfter }) => silentAfter],
];

/** Describes a change that a running program cannot apply; null if there is none. */
export function describeRestart(from: Settings, to: Settings): string | null {
  const [change] = describeDifferences(FIXED, from, to);
  // For example, the peers' folder is missing. What remains rarely identifies a single client.
  if (change === undefined && from.isOfMany && !to.isOfMany) {
    return "Cannot turn a running server with peers into one with a single client: " +
      "put its [[peer]] or folder NAME.peers back, or restart it";
  }
  if (change !== undefined) return `Cannot apply this while running (${change}): restart it`;
  const opened = openedBy(from, to);
  // A file of which the end is missing looks like that.
  return opened === undefined
    ? null
    : `Cannot let in anyone as ${opened.name} while running, without the key or token that it had: put that back, or restart it`;
}

/** A server's peer that had to prove something, and now can be anyone from anywhere. */
function openedBy(from: Settings, { mode, peers }: Settings): Peer | undefined {
  const closed = new Set(from.peers.filter(({ scheme }) => scheme.kind !== "port").map(({ name }) => name));
  return mode !== "server"
    ? undefined
    : peers.find(({ name, scheme, byRemote }) => closed.has(name) && scheme.kind === "port" && !byRemote.ip);
}

/**
 * Describes the differences between two settings, one per line, without secrets. If there are many, the first are
 * listed and the rest counted. No lines: the settings are equal.
 */
export function describeChanges(from: Settings, to: Settings): string[] {
  const lines = allChanges(from, to);
  const rest = lines.length - MOST_LISTED;
  return rest > 0 ? [...lines.slice(0, MOST_LISTED), `… and ${rest} more`] : lines;
}

function allChanges(from: Settings, to: Settings): string[] {
  const olds = new Map(from.peers.map((peer) => [peer.name, peer]));
  const news = new Set(to.peers.map(({ name }) => name));
  return [
    ...describeDifferences(COMMON, from, to),
    ...([from, to].every(handsOutAlts) ? describeDifferences(HANDED_OUT, from, to) : []),
    ...from.peers.filter(({ name }) => !news.has(name)).map(({ name }) => `${name}: removed`),
    ...to.peers.flatMap((peer) => {
      const old = olds.get(peer.name);
      const lines = old === undefined
        ? ["added"]
        : [...describeDifferences(OF_PEER, old, peer), ...describeSchemeChange(old.scheme, peer.scheme)];
      return lines.map((line) => `${peer.name}: ${line}`);
    }),
  ];
}

/** Tells whether some peer has no private local address of its own. */
function handsOutAlts({ peers }: Settings): boolean {
  return peers.some(({ altIp }) => altIp === null);
}

function describeSchemeChange(from: Scheme, to: Scheme): string[] {
  if (from.kind !== to.kind) return [`authentication changed from ${NAMES[from.kind]} to ${NAMES[to.kind]}`];
  const old: Readonly<Record<string, unknown>> = { ...from };
  const now: Readonly<Record<string, unknown>> = { ...to };
  return Object.entries(SECRETS).filter(([key]) => !isDeepStrictEqual(old[key], now[key]))
    .map(([, what]) => `${what} changed`);
}

const NAMES: Readonly<Record<Scheme["kind"], string>> = { port: "none", token: "token", ed25519: "keys" };

/** Fields of a scheme. Their values are not shown. */
const SECRETS = {
  token: "token",
  privateKey: "own key",
  remotePublicKey: "the peer's key",
  secret: "shared secret",
};

function describeDifferences<T>(rows: readonly Row<T>[], from: T, to: T): string[] {
  return rows
    .filter(([, valueOf]) => valueOf(from) !== valueOf(to))
    .map(([name, valueOf]) =>
      `${name} changed from ${showValue(valueOf(from))} to ${showValue(valueOf(to))}`
    );
}

function showTos(tos: number | "inherit"): string {
  return tos === "inherit" ? tos : `0x${tos.toString(16).padStart(2, "0")}`;
}

function showValue(value: Shown): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return value === null ? "unset" : String(value);
}
