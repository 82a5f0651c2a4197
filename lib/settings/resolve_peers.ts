import { formatIpv4, formatNetwork, networkOf, parseIpv4, parseNetwork } from "../ipv4.ts";
import { refuseClashes } from "./clashes.ts";
import { attempt, MissingError, type OnMistake, type Part, quote, SettingsError, THROW } from "./errors.ts";
import type { GivenPeer, GivenValues, Input } from "./given.ts";
import { chooseAllowedIps, chooseRoutes } from "./networks.ts";
import {
  checkCommonSecrets,
  chooseScheme,
  refuseHalfOfKeys,
  refusePrivateKeys,
  type SchemeContext,
} from "./scheme.ts";
import type { Peer, Settings } from "./settings.ts";
import { chooseTunnel, chooseTunnelDevice, orServer, type TunnelContext } from "./tunnel.ts";

const PRIVATE_NET = "172.29.0.0/16";

/** What is needed to choose a peer's settings. */
type PeerContext = SchemeContext & TunnelContext & {
  /** Whether what is missing in a part of the settings may be what a mistake was meant to be. */
  readonly isOpen: (part: Part) => boolean;
};

/** What is needed to choose all peers' settings. */
type PeersContext = Omit<PeerContext, "isNamed" | "net" | "own">;

/**
 * Makes the peers: the named ones, each inheriting what it does not set itself, or the single one that the options
 * describe.
 *
 * @param onMistake gets missing and conflicting values; the peers that have them are left out
 * @throws {SettingsError} the first one, unless `onMistake` says otherwise
 */
export function choosePeers(
  { given, peers }: Input,
  context: PeersContext,
  onMistake: OnMistake = THROW,
): Peer[] {
  const { mode, number } = context;
  const peerAltIps = (peers ?? []).map((peer) => peer.given.altIp?.value);
  if (mode === "server") {
    attempt(onMistake, () => {
      refuseOwnAddressAsAlt(given, [choosePrivate(given, number).firstAltIp, ...peerAltIps], context);
    });
  }
  const net = mode === "server" && given.tunnelNet !== undefined ? parseNetwork(given.tunnelNet.value) : null;
  if (peers === null) {
    const only = { name: chooseTunnelDevice(given, number), place: "", given };
    const peer = choosePeer(only, { ...context, isNamed: false, net, own: given }, onMistake);
    if (peer === undefined) return [];
    attempt(onMistake, () => refusePrivateKeys([{ ...peer, given }]));
    return [peer];
  }
  if (peers.length === 0) attempt(onMistake, () => checkCommonSecrets(given, context));
  const good = peers.flatMap((peer) => {
    const whole = { ...peer, given: inherit(given, peer.given) };
    const chosen = choosePeer(whole, { ...context, isNamed: true, net, own: peer.given }, onMistake);
    return chosen === undefined ? [] : [{ peer, whole, chosen }];
  });
  const chosen = good.map((each) => each.chosen);
  attempt(onMistake, () => {
    refusePrivateKeys(good.map(({ whole, chosen }) => ({ scheme: chosen.scheme, given: whole.given })));
  });
  refuseClashes(chosen, good.map(({ peer }) => peer), net, onMistake);
  return chosen;
}

/** A peer's own values over the common ones. A key and a token are never combined from both. */
function inherit(above: Readonly<GivenValues>, own: Readonly<GivenValues>): Readonly<GivenValues> {
  // These two are the instance's own: its name, and the first of the private local addresses.
  const shared: GivenValues = { ...above };
  delete shared.tunnelDevice;
  delete shared.altIp;
  if (own.token !== undefined) {
    delete shared.privateKey;
    delete shared.remotePublicKey;
  } else if (own.remotePublicKey !== undefined) delete shared.token;
  return { ...shared, ...own };
}

/** @returns undefined when it has mistakes that are not thrown */
function choosePeer(peer: GivenPeer, context: PeerContext, onMistake: OnMistake): Peer | undefined {
  const { mode, number, isNamed, own } = context;
  const { given } = peer;
  const tunnel = attempt(onMistake, () => chooseTunnel(peer, context));
  const remote = attempt(onMistake, () => chooseRemote(given, context));
  const byRemote = attempt(onMistake, () => chooseByRemote(given, context));
  const scheme = attempt(onMistake, () => chooseScheme(given, own, context));
  const isKnown = scheme && byRemote &&
    attempt(onMistake, () => refuseUnknowable(peer, { scheme, byRemote }, context));
  const routes = attempt(onMistake, () => chooseRoutes(given, mode));
  if (!remote || !byRemote || !scheme || !isKnown || !tunnel || !routes) return undefined;
  return {
    name: peer.name,
    tunnel,
    remote,
    byRemote,
    scheme,
    maxTimeDiscrepancy: given.maxTimeDiscrepancy?.value ?? 0,
    replay: given.replay?.value ?? "strict",
    lifetime: given.lifetime?.value ?? 0,
    reply: given.reply?.value ?? false,
    altIp: isNamed ? given.altIp?.value ?? null : choosePrivate(given, number).firstAltIp,
    forceAlt: given.forceAlt?.value ?? false,
    sharedIpip: given.sharedIpip?.value ?? false,
    allowedIps: mode === "server" ? chooseAllowedIps(given, tunnel.peerIp, isNamed ? routes : null) : null,
    routes,
    moveInterval: given.moveInterval?.value ?? 0,
    silentAfter: given.silentAfter?.value ?? 0,
  };
}

/** Refuses a peer that nothing identifies, and warns of one that anyone can be where that is possible. @returns true */
function refuseUnknowable(
  peer: GivenPeer,
  { scheme, byRemote }: Pick<Peer, "scheme" | "byRemote">,
  { mode, isNamed, net, own, warn, isOpen: isPartOpen }: PeerContext,
): true {
  if (scheme.kind !== "port") return true;
  const isOpen = mode === "server" && !byRemote.ip;
  const part = { table: "auth", owner: own };
  if (isOpen && isNamed && !byRemote.port) throw new MissingError(unknowable(peer), part);
  if (isOpen && !isNamed && net !== null) throw new MissingError(nobody(peer.given), part);
  refuseHalfOfKeys(own, mode);
  if (!isOpen || isPartOpen(part)) return true;
  const whom = isNamed ? ` as ${quote(peer.name)}` : "";
  warn(
    `Anyone who can send to the server's UDP port is admitted${whom}, ` +
      "because nothing is authenticated: give --auth-remote-pubkey-b64",
  );
  return true;
}

/** Otherwise anyone would be this peer. An empty or half-written file looks like that. */
function unknowable({ name, place }: GivenPeer): string {
  return `Cannot use peer ${quote(name)} (${place}) without a way to identify it: ` +
    "give it auth.remote-pubkey-b64, auth.token-file, or auth.by-remote-ip";
}

/** A network for tunnel addresses means several peers, but their folder is missing: anyone would be the single client. */
function nobody({ tunnelNet }: Readonly<GivenValues>): string {
  const [, path] = / at (\S+)\.toml:\d+:\d+$/.exec(tunnelNet?.place ?? "") ?? [];
  const folder = path === undefined ? "NAME.peers beside NAME.toml" : `${path}.peers`;
  return `Cannot use ${tunnelNet?.value} as ${tunnelNet?.place} without a peer: make the folder ${folder}, or give ` +
    "the --auth-remote-pubkey-b64 of a single client";
}

/**
 * Chooses the first of the private local addresses, and the network they come from.
 *
 * @param number N
 * @throws {SettingsError} when the one is not in the other
 */
export function choosePrivate(
  { altIp, privateNet }: Readonly<GivenValues>,
  number: number,
): Pick<Settings, "firstAltIp" | "privateNet"> {
  const given = parseNetwork(privateNet?.value ?? PRIVATE_NET)!;
  const first = parseIpv4(altIp?.value ?? "") ?? given.first + number % 2 ** (32 - given.length);
  const firstAltIp = formatIpv4(first);
  const net = networkOf(first, given.length);
  if (net.first === given.first || privateNet === undefined) {
    return { firstAltIp, privateNet: formatNetwork(net) };
  }
  throw new SettingsError(
    `Cannot use ${firstAltIp} as ${altIp?.place}: it is not in ${privateNet.value} (${privateNet.place})`,
  );
}

function refuseOwnAddressAsAlt(
  given: Readonly<GivenValues>,
  altIps: readonly (string | undefined)[],
  { local }: PeersContext,
): void {
  if (local.ip === null || !altIps.includes(local.ip)) return;
  throw new SettingsError(
    `Cannot use ${local.ip} as ${given.localIp?.place}: it is also the private local address; ` +
      "give another --fou-local-ip-alt",
  );
}

function chooseRemote(given: Readonly<GivenValues>, { mode, own }: PeerContext): Peer["remote"] {
  const remote = { host: given.remoteHost?.value ?? null, port: given.remotePort?.value ?? null };
  const missing = remote.host === null ? "address" : remote.port === null ? "UDP port" : null;
  if (mode === "client" && missing !== null) {
    throw new MissingError(
      `Cannot run as a client without the server's ${missing}: give -r/--fou-remote HOST:PORT` +
        orServer(given),
      { table: "fou", owner: own },
    );
  }
  return remote;
}

function chooseByRemote(given: Readonly<GivenValues>, { mode, own, warn }: PeerContext): Peer["byRemote"] {
  const checks = [
    { check: given.byRemoteIp, known: given.remoteHost, what: "address", option: "--auth-by-remote-ip" },
    { check: given.byRemotePort, known: given.remotePort, what: "port", option: "--auth-by-remote-port" },
  ];
  for (const { check, known, what, option } of mode === "server" ? checks : []) {
    if (check?.value && known === undefined) {
      throw new MissingError(
        `Cannot use ${check.place} without the ${what} to compare with: give -r/--fou-remote`,
        { table: "fou", owner: own },
      );
    }
    if (!check?.value && known !== undefined) {
      warn(`The ${what} of ${known.place} has no effect on a server without ${option}`);
    }
  }
  return { ip: given.byRemoteIp?.value ?? false, port: given.byRemotePort?.value ?? false };
}
