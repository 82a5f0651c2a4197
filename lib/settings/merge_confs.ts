import { refuseClashes } from "./clashes.ts";
import { type Conf, formatConf } from "./conf.ts";
import { SettingsError, showPath } from "./errors.ts";
import type { Option, Slot } from "./option.ts";
import type { Peer, Settings } from "./settings.ts";
import { formatPorts, formatString } from "./format_toml.ts";

/** A server of one client, as a file of version 0.1 describes it. */
export interface SingleServer {
  readonly path: string;
  readonly conf: Conf;
  readonly settings: Settings;
}

/** One that is a peer of the hub. */
interface NamedServer extends SingleServer {
  readonly peer: Peer;
}

/** Characters of a peer's name. */
const LONGEST_NAME = 15;

/** What a server has once, however many clients. */
const MUST_MATCH: readonly { slot: Slot; valueOf: (settings: Settings) => unknown }[] = [
  { slot: "localIp", valueOf: ({ local }) => local.ip },
  { slot: "device", valueOf: ({ local }) => local.device },
  { slot: "encapCsum", valueOf: ({ encapCsum }) => encapCsum },
  { slot: "authPacketTtl", valueOf: ({ authPacketTtl }) => authPacketTtl },
  { slot: "nftTable", valueOf: ({ nft }) => nft.table },
  { slot: "nftCounter", valueOf: ({ nft }) => nft.counter },
];

/** What is written for each peer, whether its file says it or not. */
const WRITTEN: ReadonlySet<string> = new Set<Slot>([
  "tunnelDevice",
  "tunnelIp",
  "tunnelPeerIp",
  "altIp",
  "allowedIps",
]);

/** What tells peers apart, and is not for all even where all files say the same. */
const OWN = new Set(["fou-remote", "fou-remote-ip", "fou-remote-port", "auth-remote-pubkey-b64", "routes"]);

/**
 * Makes the settings of one server with several peers, in TOML, of those of several servers with one each. Each
 * peer keeps its device and addresses; their clients go on as they are, since the hub has all the ports.
 *
 * @throws {SettingsError} naming both places, for what the servers would have to have in common, or must not
 */
export function mergeServers(servers: readonly SingleServer[]): string {
  const [first] = servers;
  if (first === undefined) return "";
  for (const server of servers) refuseDifferent(first, server);
  const names = namePeers(servers);
  const members = servers.map((server, index) => ({
    ...server,
    peer: { ...server.settings.peers[0]!, name: names[index]! },
  }));
  refuseClashes(
    members.map(({ peer }) => peer),
    members.map(({ peer: { name }, path, conf }) => ({ name, place: showPath(path), given: conf.given })),
    null,
  );
  const shared = sharedLines(members);
  const ports = [...new Set(members.flatMap(({ settings }) => settings.local.ports))];
  return [
    `# Made of ${servers.map(({ path }) => showPath(path)).join(", ")}.`,
    ...commonLines(members, ports),
    ...shared,
    ...members.flatMap((member) => ["", "[[peer]]", ...peerLines(member, new Set(shared))]),
    ...describePorts(members, ports),
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
    conf.given[different.slot]?.place ?? `what ${showPath(path)} leaves out`
  );
  const files = `${showPath(first.path)} and ${showPath(other.path)}`;
  throw new SettingsError(
    `Cannot make one server of ${files}: ${one} and ${two} differ; make them the same, or keep one file apart`,
  );
}

function refuseAnonymous({ path, settings: { peers } }: SingleServer): void {
  const { scheme, byRemote } = peers[0]!;
  if (scheme.kind !== "port" || byRemote.ip || byRemote.port) return;
  throw new SettingsError(
    `Cannot make a peer of ${showPath(path)}: nothing in it says how its client is known; ` +
      "give it auth-remote-pubkey-b64, auth-token, or auth-by-remote-ip, or keep it apart",
  );
}

/** Names like those of the files, as peers can have them: made valid, and all different. */
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

function commonLines(members: readonly NamedServer[], ports: readonly number[]): string[] {
  const [{ settings }] = members as [NamedServer];
  const { number, local, queue, encapCsum, authPacketTtl, nft } = settings;
  const all = members.map((member) => member.settings);
  const verbosity = Math.max(...all.map(({ log }) => log.verbosity));
  const lengths = members.flatMap(({ conf }) => conf.given.queueMaxLength?.value ?? []);
  return [
    "server = true",
    `number = ${number}`,
    ...queue.number === number ? [] : [`queue-number = ${queue.number}`],
    ...verbosity === 0 ? [] : [`verb = ${verbosity}`],
    ...all.some(({ log }) => log.time !== false) ? [] : ["log.time = false"],
    ...all.some(({ log }) => log.pid !== false) ? [] : ["log.pid = false"],
    ...local.ip === null ? [] : [`fou.local-ip = ${formatString(local.ip)}`],
    ...local.device === null ? [] : [`fou.dev = ${formatString(local.device)}`],
    `fou.local-port = ${formatPorts(ports)}`,
    ...encapCsum === null ? [] : [`encap.csum = ${encapCsum}`],
    ...authPacketTtl === null ? [] : [`auth.packet-ttl = ${authPacketTtl}`],
    ...nft.table === "ipipou" ? [] : [`nft.table = ${formatString(nft.table)}`],
    ...nft.counter ? [] : ["nft.counter = false"],
    ...lengths.length === 0 ? [] : [`nfq.max-len = ${Math.max(...lengths)}`],
  ];
}

/** What every file says of its peer, in the same words. */
function sharedLines(members: readonly NamedServer[]): string[] {
  const [first, ...others] = members.map(({ conf }) => formatConf(conf, isSharable).filter(isSetting));
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
  const { device, ip, peerIp } = peer.tunnel;
  const allowedIps = peer.allowedIps ?? ["0.0.0.0/0"];
  return [
    `name = ${formatString(peer.name)}`,
    `# Its client sends to UDP port ${settings.local.ports[0]}.`,
    ...formatConf(conf, isOfPeer).filter((line) => line !== "" && !shared.has(line)),
    `tunl.dev = ${formatString(device)}`,
    `tunl.ip = ${formatString(ip)}`,
    `tunl.peer-ip = ${formatString(peerIp)}`,
    ...peer.altIp === null ? [] : [`fou.local-ip-alt = ${formatString(peer.altIp)}`],
    `allowed-ips = [${allowedIps.map(formatString).join(", ")}]`,
  ];
}

/** How to come to one port, where there are several. */
function describePorts(members: readonly NamedServer[], [main, ...others]: readonly number[]): string[] {
  if (others.length === 0) return [];
  const moving = members.filter(({ settings }) => settings.local.ports[0] !== main);
  return [
    "",
    `# One port is enough: let these clients send to port ${main} instead, as in fou.remote = "HOST:${main}",`,
    "# and take out of fou.local-port what no client sends to any more:",
    ...moving.map(({ peer, settings }) => `#   ${peer.name}: ${settings.local.ports[0]}`),
  ];
}
