import type { Network } from "../ipv4.ts";
import { type OnMistake, quote, SettingsError, THROW } from "./errors.ts";
import type { GivenPeer } from "./given.ts";
import type { Slot } from "./option.ts";
import { freePoolAddress } from "./pool.ts";
import type { Peer } from "./settings.ts";

/** Something that no two peers may share. */
interface Trait {
  /** The option that sets it. */
  readonly slot: Slot;
  /** Keys that no other peer may have; none if the peer does not have the trait. */
  readonly keysOf: (peer: Peer) => readonly string[];
  /** Keys that it clashes with, if they are not its own. */
  readonly clashesOf?: (peer: Peer) => readonly string[];
  /** What is the same, and the cure. */
  readonly describe: (key: string, peers: readonly Peer[], net: Network | null) => string;
}

const TRAITS: readonly Trait[] = [
  {
    slot: "peerName",
    keysOf: ({ name }) => [name],
    describe: () => "they have the same name; give one of them another",
  },
  {
    slot: "tunnelDevice",
    keysOf: ({ tunnel }) => [tunnel.device],
    describe: (device) => `they have the same tunnel device, ${device}; give one of them another tunl.dev`,
  },
  {
    slot: "tunnelPeerIp",
    keysOf: ({ tunnel }) => [tunnel.peerIp],
    describe: (ip, peers, net) =>
      `they have the same tunnel address, ${ip}; give one of them another tunl.peer-ip${freeOne(peers, net)}`,
  },
  {
    slot: "token",
    keysOf: ({ scheme }) => scheme.kind === "token" ? [scheme.token.toBase64()] : [],
    describe: () => "they have the same token; give each its own",
  },
  {
    slot: "remotePublicKey",
    keysOf: ({ scheme }) =>
      scheme.kind === "ed25519" && scheme.remotePublicKey !== null ? [scheme.remotePublicKey.toBase64()] : [],
    describe: (key) => `they have the same auth.remote-pubkey-b64, ${key}; give each its own key`,
  },
  {
    slot: "remoteHost",
    keysOf: (peer) => clashKeys(peer, (own) => own),
    clashesOf: (peer) => clashKeys(peer, (_own, other) => other),
    describe: () =>
      "nothing tells them apart; give each its own key, or auth.by-remote-ip and its own address in fou.remote",
  },
  {
    slot: "altIp",
    keysOf: ({ altIp }) => altIp === null ? [] : [altIp],
    describe: (ip) => `they have the same fou.local-ip-alt, ${ip}; give one of them another`,
  },
  {
    slot: "routes",
    keysOf: ({ routes }) => routes,
    describe: (route) => `they have the same network in routes, ${route}; remove it from one of them`,
  },
];

/**
 * Rejects peers that cannot be told apart, or would interfere with each other.
 *
 * @param given what was given for each of `peers`, in the same order
 * @param net network of the tunnel addresses
 * @param onMistake gets mistakes that name two of them, and where they are defined
 * @throws {SettingsError} the first one, unless `onMistake` says otherwise
 */
export function refuseClashes(
  peers: readonly Peer[],
  given: readonly GivenPeer[],
  net: Network | null,
  onMistake: OnMistake = THROW,
): void {
  for (const { slot, keysOf, clashesOf = keysOf, describe } of TRAITS) {
    const owners = new Map<string, GivenPeer>();
    for (const [index, peer] of peers.entries()) {
      const key = clashesOf(peer).find((key) => owners.has(key));
      const [other, one] = [owners.get(key ?? ""), given[index]!];
      if (other !== undefined) {
        const both = [other, one].map((each) => showPeer(each, slot)).join(" and ");
        onMistake(new SettingsError(`Cannot use both ${both}: ${describe(key!, peers, net)}`));
      }
      for (const key of keysOf(peer)) owners.set(key, one);
    }
  }
}

function showPeer({ name, place, given }: GivenPeer, slot: Slot): string {
  return `peer ${quote(name)} (${given[slot]?.place ?? place})`;
}

function freeOne(peers: readonly Peer[], net: Network | null): string {
  if (net === null) return "";
  const free = freePoolAddress(net, new Set(peers.flatMap(({ tunnel }) => [tunnel.ip, tunnel.peerIp])));
  return free === null ? "; --tunl-net has no free one" : `, such as ${free}`;
}

const CHECKS = [0, 1, 2, 3] as const;

/**
 * Two peers without a key or token can be told apart if both have their address checked, or both their port, and it
 * differs. So a peer clashes with any other that is equal in what is checked of both. There is a key for each set of
 * checks that the other may have.
 */
function clashKeys(
  { scheme, byRemote, remote }: Peer,
  ownerOf: (own: number, other: number) => number,
): string[] {
  if (scheme.kind !== "port") return [];
  const own = (byRemote.ip ? 1 : 0) | (byRemote.port ? 2 : 0);
  return CHECKS.map((other) => {
    const both = own & other;
    const [host, port] = [both & 1 ? remote.host : "", both & 2 ? remote.port : ""];
    return JSON.stringify([ownerOf(own, other), both, host, port]);
  });
}
