import { refuseClashes } from "./clashes.ts";
import { type Conf, formatConf } from "./conf.ts";
import { SettingsError, showPath } from "./errors.ts";
import { DEFAULT_NFT_TABLE, type Option, type Slot } from "./option.ts";
import type { Peer, Settings } from "./settings.ts";
import { formatKeys, portsValue } from "./format_toml.ts";

/** A server with one client, as described by a file of version 0.1. */
interface SingleServer {
  readonly path: string;
  readonly conf: Conf;
  readonly settings: Settings;
}

/** One that has a peer's name in the merged hub. */
interface NamedServer extends SingleServer {
  readonly peer: Peer;
}

/** Most characters a peer's name can have. */
const LONGEST_NAME = 15;

/** What a server has only once, so that all files must agree on it. */
const MUST_MATCH: readonly { slot: Slot; valueOf: (settings: Settings) => unknown }[] = [
  { slot: "localIp", valueOf: ({ local }) => local.ip },
  { slot: "device", valueOf: ({ local }) => local.device },
  { slot: "fouMark", valueOf: ({ fouMark }) => fouMark },
  { slot: "encapCsum", valueOf: ({ encapCsum }) => encapCsum },
  { slot: "authPacketTtl", valueOf: ({ authPacketTtl }) => authPacketTtl },
  { slot: "nftTable", valueOf: ({ nft }) => nft.table },
  { slot: "nftCounter", valueOf: ({ nft }) => nft.counter },
];

/** Written for each peer, whether its file sets it or not. */
const WRITTEN: ReadonlySet<string> = new Set<Slot>([
  "tunnelDevice",
  "tunnelIp",
  "tunnelPeerIp",
  "altIp",
  "allowedIps",
]);

/** What tells peers apart: never shared, even if it is the same in all files. */
const OWN = new Set(["fou-remote", "fou-remote-ip", "fou-remote-port", "auth-remote-pubkey-b64", "routes"]);

/**
 * Merges several servers with one client each into one server with several peers, in TOML. Each peer keeps its device
 * and addresses. Clients need no change, because the hub has all the ports.
 *
 * @throws {SettingsError} naming both places, where the servers differ in what they must share, or share what they
 * must not
 */
export function mergeServers(servers: readonly SingleServer[]): string {
  const [first] = servers;
  if (first === undefined) return "";
  for (const server of servers) refuseDifferent(first, server);
  const names = namePeers(servers);
  const named = servers.map((server, index) => ({
    ...server,
    peer: { ...server.settings.peers[0]!, name: names[index]! },
  }));
  refuseClashes(
    named.map(({ peer }) => peer),
    named.map(({ peer: { name }, path, conf }) => ({ name, place: showPath(path), given: conf.given })),
    null,
  );
  const shared = sharedLines(named);
  const ports = [...new Set(named.flatMap(({ settings }) => settings.local.ports))];
  return [
    `# Merged from ${servers.map(({ path }) => showPath(path)).join(", ")}.`,
    ...commonLines(named, ports),
    ...shared,
    ...named.flatMap((server) => ["", "[[peer]]", ...peerLines(server, new Set(shared))]),
    ...describePorts(named, ports),
  ].map((line) => `${line}\n`).join("");
}

function refuseDifferent(first: SingleServer, other: SingleServer): void {
  for (const { path, settings } of [first, other]) {
    if (settings.mode === "client") {
      throw new SettingsError(`Cannot make a peer of ${showPath(path)}: it is a client's file`);
    }
  }
  refuseAnonymous(other);
  const different = MUST_MATCH.find(({ valueOf }) => valueOf(first.settings) !== valueOf(other.settings));
  if (different === undefined) return;
  const [one, two] = [first, other].map(({ conf, path }) =>
    conf.given[different.slot]?.place ?? `the default of ${showPath(path)}`
  );
  const files = `${showPath(first.path)} and ${showPath(other.path)}`;
  throw new SettingsError(
    `Cannot merge ${files}: ${one} and ${two} differ; make them the same, or leave one file out`,
  );
}

function refuseAnonymous({ path, settings: { peers } }: SingleServer): void {
  const { scheme, byRemote } = peers[0]!;
  if (scheme.kind !== "port" || byRemote.ip || byRemote.port) return;
  throw new SettingsError(
    `Cannot make a peer of ${showPath(path)}: nothing in it identifies its client; ` +
      "give it auth-remote-pubkey-b64, auth-token, or auth-by-remote-ip, or leave it out",
  );
}

/** Derives peers' names from file names: valid and all different. */
function namePeers(servers: readonly SingleServer[]): string[] {
  const names: string[] = [];
  for (const { path } of servers) {
    const plain = path.replace(/^.*\//, "").replace(/\.conf$/, "").replace(/[^A-Za-z0-9_.-]/g, "_");
    const name = /^\.{0,2}$/.test(plain) ? "peer" : plain;
    const candidates = Array.from(servers, (_, index) => {
      const suffix = index === 0 ? "" : `-${index + 1}`;
      return name.slice(0, LONGEST_NAME - suffix.length) + suffix;
    });
    names.push(candidates.find((candidate) => !names.includes(candidate))!);
  }
  return names;
}

function commonLines(named: readonly NamedServer[], ports: readonly number[]): string[] {
  const [{ settings }] = named as [NamedServer];
  const { number, local, queue, fouMark, encapCsum, authPacketTtl, nft } = settings;
  const all = named.map((server) => server.settings);
  const verbosity = Math.max(...all.map(({ log }) => log.verbosity));
  const lengths = named.flatMap(({ conf }) => conf.given.queueMaxLength?.value ?? []);
  return formatKeys({
    server: true,
    number,
    "queue-number": queue.number === number ? null : queue.number,
    verb: verbosity === 0 ? null : verbosity,
    "log.time": all.some(({ log }) => log.time !== false) ? null : false,
    "log.pid": all.some(({ log }) => log.pid !== false) ? null : false,
    "fou.local-ip": local.ip,
    "fou.dev": local.device,
    "fou.local-port": portsValue(ports),
    "fou.mark": fouMark === 0 ? null : fouMark,
    "encap.csum": encapCsum,
    "auth.packet-ttl": authPacketTtl,
    "nft.table": nft.table === DEFAULT_NFT_TABLE ? null : nft.table,
    "nft.counter": nft.counter ? null : false,
    "nfq.max-len": lengths.length === 0 ? null : Math.max(...lengths),
  });
}

/** Lines about the peer that are the same in every file. */
function sharedLines(named: readonly NamedServer[]): string[] {
  const [first, ...others] = named.map(({ conf }) => formatConf(conf, isSharable).filter(isSetting));
  if (others.length === 0) return [];
  return first!.filter((line) => others.every((lines) => lines.includes(line)));
}

function isSharable(option: Option): boolean {
  return isOfPeer(option) && !OWN.has(option.long ?? "") && !("slot" in option && option.slot === "token");
}

function isOfPeer(option: Option): boolean {
  return option.perPeer === true && !("slot" in option && WRITTEN.has(option.slot));
}

function isSetting(line: string): boolean {
  return line !== "" && !line.trimStart().startsWith("#");
}

function peerLines({ peer, conf, settings }: NamedServer, shared: ReadonlySet<string>): string[] {
  return [
    ...formatKeys({ name: peer.name }),
    `# Its client sends to UDP port ${settings.local.ports[0]}.`,
    ...formatConf(conf, isOfPeer).filter((line) => line !== "" && !shared.has(line)),
    ...formatKeys({
      "tunl.dev": peer.tunnel.device,
      "tunl.ip": peer.tunnel.ip,
      "tunl.peer-ip": peer.tunnel.peerIp,
      "fou.local-ip-alt": peer.altIp,
      "allowed-ips": peer.allowedIps ?? ["0.0.0.0/0"],
    }),
  ];
}

/** Explains how to get from several ports to one. */
function describePorts(named: readonly NamedServer[], [main, ...others]: readonly number[]): string[] {
  if (others.length === 0) return [];
  const moving = named.filter(({ settings }) => settings.local.ports[0] !== main);
  return [
    "",
    `# One port is enough: let these clients send to port ${main} instead, as in fou.remote = "HOST:${main}",`,
    "# and take out of fou.local-port what no client sends to any more:",
    ...moving.map(({ peer, settings }) => `#   ${peer.name}: ${settings.local.ports[0]}`),
  ];
}
