import { basename } from "node:path";
import { keyPairOf } from "../auth/key_pair.ts";
import { parseNetwork } from "../ipv4.ts";
import { formatClient, formatClientCommand } from "../settings/format_client.ts";
import type { ClientFileRequest, PeerAddition, PeerChoice } from "../settings/invocation.ts";
import { nearest } from "../settings/did_you_mean.ts";
import { quote, SettingsError } from "../settings/errors.ts";
import { CONFIG_FOLDER, type Files, isMissing, MODE, type WriteFile } from "../settings/files.ts";
import type { GivenPeer } from "../settings/given.ts";
import { formatPeer } from "../settings/format_peer.ts";
import { freePoolAddress, ownPoolAddress, poolAddress } from "../settings/pool.ts";
import type { Peer, Settings } from "../settings/settings.ts";
import {
  findHub,
  type Hub,
  type LoadedHub,
  loadGoodPart,
  loadHub,
  pathOfPeer,
  withFile,
  withNames,
} from "./hub.ts";

/** What editing a hub's peers needs from the system. */
export interface PeerSystem extends Files {
  /** Also creates the file's folder. */
  readonly write: WriteFile;
  readonly remove: (path: string) => void;
  /** Locks out others who edit files in this folder, until disposed. */
  readonly lock: (folder: string) => Disposable;
  /** Makes the process that runs a configuration file reload, see `lib/daemon/claim.ts`. */
  readonly tellToReload: (path: string) => number | null;
}

/** What to print. */
export interface PeerOutcome {
  /** The result asked for. May contain secrets. */
  readonly result: string;
  /** What was done, one line each. */
  readonly notes: readonly string[];
}

/**
 * Adds a peer to a hub, and formats its client's file.
 *
 * @param seed 32 random bytes, for the client's key if one is to be generated
 * @throws {SettingsError} for the first error or conflict, before anything is changed
 */
export function addPeer(
  addition: PeerAddition,
  system: PeerSystem,
  seed: Uint8Array<ArrayBuffer>,
): PeerOutcome {
  const hub = findHub(addition.hub, system);
  refuseHidden(addition.peer);
  using _lock = system.lock(CONFIG_FOLDER);
  const path = pathOfPeer(hub, addition.peer);
  if (!isMissing(system.read(path))) throw existingError(hub, addition.peer, path);
  const before = loadHub(hub, withNames(system, hub.folder, (names) => names));
  refuseSingle(hub, before, system);
  const keys = addition.makeKey ? keyPairOf(seed) : null;
  const file = formatPeer({
    ...addition,
    peerIp: chooseAddress(addition, before),
    publicKey: keys?.publicKey ?? null,
    // Without replies a client never learns whether it is accepted.
    reply: (addition.given.reply ?? before.input.given.reply) === undefined ? true : null,
  }, system.read);
  refuseStranger(addition, before);
  const after = loadHub(hub, withFile(system, path, file.text));
  const client = makeClient(addition, hub, after.settings, keys?.privateKey ?? null);
  const mode = file.holdsSecret ? MODE.private : MODE.public;
  if (!system.write(path, file.text, { mode, replace: false })) {
    throw existingError(hub, addition.peer, path);
  }
  const known = new Set(before.warnings);
  return {
    result: client,
    notes: [
      ...after.warnings.filter((warning) => !known.has(warning)).map((warning) => `Warning: ${warning}`),
      ...file.holdsSecret ? [warnOfUser(hub, path)] : [],
      `wrote ${path}`,
      tell(hub, system),
    ],
  };
}

/** What to print for the client of a peer that is there. */
function makeClient(
  request: PeerChoice & ClientFileRequest,
  { name }: Hub,
  settings: Settings,
  privateKey: Uint8Array | null,
): string {
  const peer = settings.peers.find((other) => other.name === request.peer)!;
  const endpoint = chooseEndpoint(request, settings);
  const format = request.asLine ? formatClientCommand : formatClient;
  return format(settings, peer, { name, endpoint, device: request.clientDevice, privateKey });
}

/** Formats the file of a peer's client again. @throws {SettingsError} when there is no such peer */
export function showPeer(request: PeerChoice & ClientFileRequest, files: Files): PeerOutcome {
  const hub = findHub(request.hub, files);
  const loaded = loadGoodPart(hub, files);
  const isThere = loaded.settings.isOfMany && loaded.settings.peers.some(({ name }) => name === request.peer);
  if (!isThere) throw missingPeerError("show", hub, request.peer, loaded);
  const { scheme } = loaded.settings.peers.find(({ name }) => name === request.peer)!;
  const notes = [
    ...warnOfMistakes(loaded),
    ...scheme.kind === "ed25519"
      ? [`the client's private key is not known here: ${hub.name}.key there must hold it`]
      : [],
  ];
  return { result: makeClient(request, hub, loaded.settings, null), notes };
}

function warnOfMistakes({ mistakes }: { readonly mistakes: readonly string[] }): string[] {
  return mistakes.map((mistake) => `Warning: ${mistake}`);
}

function warnOfUser({ name }: Hub, path: string): string {
  return `Warning: ${path} holds a secret and only root can read it: a hub that runs as another user, like ` +
    `ipipou@${name} does, needs it as a credential, see its unit`;
}

/**
 * Removes a peer of a hub.
 *
 * @throws {SettingsError} when there is no such peer, it was not added by command, or the hub's own file has a mistake
 */
export function removePeer(choice: PeerChoice, system: PeerSystem): PeerOutcome {
  const hub = findHub(choice.hub, system);
  using _lock = system.lock(CONFIG_FOLDER);
  const path = pathOfPeer(hub, choice.peer);
  if (isMissing(system.read(path))) {
    throw missingPeerError("remove", hub, choice.peer, loadGoodPart(hub, system));
  }
  const others = withNames(system, hub.folder, (names) => names.filter((name) => name !== basename(path)));
  const after = loadGoodPart(hub, others);
  system.remove(path);
  const outcome = after.mistakes.length === 0
    ? tell(hub, system)
    : `Warning: ${hub.name} neither reloads nor starts until that is mended: the change takes effect then`;
  return { result: "", notes: [...warnOfMistakes(after), `removed ${path}`, outcome] };
}

/** Lists a hub's peers, one per line: name, tunnel address, authentication, and where it is defined. */
export function listPeers(config: string, files: Files): PeerOutcome {
  const hub = findHub(config, files);
  const loaded = loadGoodPart(hub, files);
  const { input, settings } = loaded;
  const places = new Map(input.peers?.map((peer) => [peer.name, definitionOf(peer)]));
  const rows = settings.peers.map((peer) => [
    peer.name,
    peer.tunnel.peerIp,
    authenticationOf(peer),
    places.get(peer.name) ?? hub.path,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  return { result: lines.map((line) => `${line}\n`).join(""), notes: warnOfMistakes(loaded) };
}

/** The tunnel address to write into the peer's file; null if it is given, or there is no network to choose from. */
function chooseAddress({ peer, given }: PeerAddition, { input, settings }: LoadedHub): string | null {
  const { tunnelNet } = input.given;
  if (given.tunnelPeerIp !== undefined || tunnelNet === undefined) return null;
  const net = parseNetwork(tunnelNet.value)!;
  const own = (given.tunnelIp ?? input.given.tunnelIp)?.value ?? ownPoolAddress(net);
  const taken = new Set([own, ...settings.peers.flatMap(({ tunnel }) => [tunnel.ip, tunnel.peerIp])]);
  const derived = poolAddress(peer, net, own);
  const ip = taken.has(derived) ? freePoolAddress(net, taken) : derived;
  if (ip !== null) return ip;
  throw new SettingsError(
    `Cannot add peer ${quote(peer)}: all addresses of ${tunnelNet.value} (${tunnelNet.place}) are taken; ` +
      "give --tunl-peer-ip, or the hub a larger --tunl-net",
  );
}

function refuseHidden(peer: string): void {
  if (!peer.startsWith(".")) return;
  throw new SettingsError(
    `Cannot add peer ${quote(peer)}: a file whose name begins with a dot is not read as a peer's; ` +
      "give another name",
  );
}

/** The settings of a server with a single client must not be turned into those of a hub: the client would be lost. */
function refuseSingle({ path, folder }: Hub, { input }: LoadedHub, { list }: PeerSystem): void {
  const { token, remotePublicKey, byRemoteIp } = input.given;
  const known = token ?? remotePublicKey ?? (byRemoteIp?.value ? byRemoteIp : undefined);
  if (known === undefined || input.peers?.length !== 0 || list(folder).ok) return;
  throw new SettingsError(
    `Cannot add a peer to ${path}: it describes a single client (${known.place}); move that client to a [[peer]] of its own`,
  );
}

function refuseStranger({ peer, given, makeKey }: PeerAddition, { input }: LoadedHub): void {
  const { token, remotePublicKey, byRemoteIp } = { ...input.given, ...given };
  if (makeKey || token !== undefined || remotePublicKey !== undefined || byRemoteIp?.value) return;
  throw new SettingsError(
    `Cannot add peer ${quote(peer)} without a way to identify it: give --auth-remote-pubkey-b64 KEY, ` +
      "of a key made on the client with ipipou --auth-keygen, or --make-key, or --auth-token-file FILE",
  );
}

function chooseEndpoint(
  { endpoint }: ClientFileRequest,
  { local }: Settings,
): { host: string; port: number } {
  const host = endpoint.host ?? local.ip;
  if (host !== null) return { host, port: endpoint.port ?? local.ports[0] };
  throw new SettingsError(
    "Cannot tell the client where the hub is: give --endpoint HOST[:PORT], as the client reaches it",
  );
}

function existingError({ name }: Hub, peer: string, path: string): SettingsError {
  return new SettingsError(
    `Cannot add peer ${quote(peer)}: ${path} already exists; ` +
      `to replace it: ipipou peer remove ${name} ${peer}`,
  );
}

function missingPeerError(
  action: "show" | "remove",
  { name }: Hub,
  peer: string,
  { input }: LoadedHub,
): SettingsError {
  const cannot = `Cannot ${action} peer ${quote(peer)}`;
  const peers = input.peers ?? [];
  const found = peers.find((other) => other.name === peer);
  if (found !== undefined) {
    return new SettingsError(
      `${cannot}: it is defined at ${definitionOf(found)}, remove it there with an editor`,
    );
  }
  const near = nearest(peer, peers.map((other) => other.name));
  const cure = near === undefined ? `ipipou peer list ${name} lists them` : `did you mean ${near}?`;
  return new SettingsError(`${cannot}: ${name} has no such peer; ${cure}`);
}

/** Where a peer is defined: a file of its own, or a file with line and column. */
function definitionOf({ place }: GivenPeer): string {
  return place.replace(/^name at /, "");
}

function authenticationOf({ scheme, byRemote }: Peer): string {
  if (scheme.kind !== "port") return scheme.kind === "token" ? "token" : "key";
  return byRemote.ip ? "address" : "nothing";
}

function tell({ name, path }: Hub, system: PeerSystem): string {
  try {
    const pid = system.tellToReload(path);
    if (pid === null) return `${name} is not running: the change takes effect when it starts`;
    return pid === 0
      ? `${name} is running in another PID namespace: reload it there`
      : `told ${name} (pid ${pid}) to reload`;
  } catch (error) {
    return `Warning: ${(error as Error).message}: reload ${name} yourself`;
  }
}
