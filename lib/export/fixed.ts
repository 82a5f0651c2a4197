import { outerHeader } from "../outer_header.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";
import { SettingsError } from "../settings/errors.ts";
import type { Peer, Settings } from "../settings/settings.ts";

/** A tunnel that stays where it is, whoever uses it. */
export interface FixedTunnel {
  readonly peer: Peer;
  readonly remote: Endpoint;
  /** What `ip link` says of the outer header. */
  readonly header: string;
}

/** What of an instance a system that keeps its own network can have, without a process that authenticates. */
export interface FixedInstance {
  readonly settings: Settings;
  /** Own outer address; null: any. */
  readonly local: string | null;
  readonly port: number;
  /** At least one; no two at one address. */
  readonly tunnels: readonly FixedTunnel[];
  /** Names of the peers that only a process can let in. */
  readonly others: readonly string[];
}

/**
 * Sorts out what of an instance stays the same: a client's tunnel, and a server's to peers that prove nothing but their
 * address and port. A peer that has to prove more is never let in without that.
 *
 * @param hosts IPv4 addresses of the peers' hosts
 * @throws {SettingsError} when there is no such tunnel, or only a process can tell it from another
 */
export function fixedPart(settings: Settings, hosts: ReadonlyMap<string, string>): FixedInstance {
  const { mode, name, peers, local } = settings;
  const fixed = peers.filter((peer) => mode === "client" || isFixed(peer));
  if (fixed.length === 0) {
    throw new SettingsError(
      `Cannot export ${name}: no peer is known by its address and port alone (--auth-by-remote-ip, ` +
        "--auth-by-remote-port, and no key or token), and any other takes a running ipipou; run that",
    );
  }
  const tunnels = fixed.map((peer): FixedTunnel => {
    refusePrivate(settings, peer);
    const { host, port } = peer.remote;
    const { ttl, tos, pmtudisc } = peer.tunnel.header;
    const header = outerHeader(ttl === "inherit" ? 0 : ttl, tos === "inherit" ? 1 : tos, pmtudisc);
    return { peer, remote: { ip: hosts.get(host!)!, port: port! }, header };
  });
  refuseShared(name, tunnels);
  return {
    settings,
    local: local.ip,
    port: local.ports[0],
    tunnels,
    others: peers.filter((peer) => !fixed.includes(peer)).map(({ name }) => name),
  };
}

/** Hosts whose addresses `fixedPart()` needs. */
export function hostsToFind({ mode, peers }: Settings): Set<string> {
  const fixed = peers.filter((peer) => mode === "client" || isFixed(peer));
  return new Set(fixed.map(({ remote }) => remote.host!));
}

function isFixed({ byRemote, scheme }: Peer): boolean {
  return byRemote.ip && byRemote.port && scheme.kind === "port";
}

function refusePrivate({ name, mode }: Settings, { sharedIpip, forceAlt }: Peer): void {
  const option = sharedIpip ? "--tunl-shared-ipip" : "--force-fou-local-ip-alt";
  if (!sharedIpip && !(forceAlt && mode === "server")) return;
  throw new SettingsError(`Cannot export ${name}: ${option} takes a running ipipou; leave it out`);
}

/** The kernel knows tunnels by their addresses alone. */
function refuseShared(name: string, tunnels: readonly FixedTunnel[]): void {
  for (const [index, { peer, remote }] of tunnels.entries()) {
    const other = tunnels.slice(0, index).find((other) => other.remote.ip === remote.ip);
    if (other === undefined) continue;
    throw new SettingsError(
      `Cannot export ${name}: ${other.peer.name} and ${peer.name} are both at ${remote.ip} ` +
        `(${formatEndpoint(other.remote)} and ${
          formatEndpoint(remote)
        }), and only a running ipipou tells them apart`,
    );
  }
}
