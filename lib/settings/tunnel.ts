import { addIpv4, formatIpv4, isHostIpv4, type Network, parseNetwork } from "../ipv4.ts";
import { MissingError, quote, SettingsError } from "./errors.ts";
import type { GivenPeer, GivenValues } from "./given.ts";
import { ownPoolAddress, poolAddress } from "./pool.ts";
import type { OuterHeader, Peer, Settings } from "./settings.ts";

/** A tunnel is one hop, whatever TTL the packet inside has left. */
const DEFAULT_TTL = 64;
/** The network of the tunnel addresses that a server takes by default. */
export const DEFAULT_TUNNEL_NET = "172.28.0.0/16";
const FIRST_TUNNEL_IP = parseNetwork(DEFAULT_TUNNEL_NET)!.first;
/**
 * tunl0 is the kernel's own device, which receives packets that no other ipip device matches. The others have a meaning
 * in /proc/sys/net/ipv4/conf, and the kernel refuses devices with these names.
 */
const RESERVED_DEVICES: readonly string[] = ["tunl0", "all", "default"];

/** What is needed to choose a tunnel's settings. */
export interface TunnelContext {
  readonly mode: Settings["mode"];
  /** N */
  readonly number: number;
  readonly local: Settings["local"];
  /** Whether it is one of several named peers. */
  readonly isNamed: boolean;
  /** Network of the tunnel addresses. */
  readonly net: Network | null;
  /** Those of a peer's values that it does not inherit. */
  readonly own: Readonly<GivenValues>;
}

/** What follows the cure of what a client lacks, where nothing shows that it is to be one. */
export function orServer({ remoteHost }: Readonly<GivenValues>): string {
  return remoteHost === undefined ? "; or, on a server, server = true or -s" : "";
}

/** The instance's name, and the device of a single tunnel. @param number N */
export function chooseTunnelDevice(given: Readonly<GivenValues>, number: number): string {
  return given.tunnelDevice?.value ?? defaultTunnelDevice(number);
}

/** @param number N */
export function defaultTunnelDevice(number: number): string {
  return `ipipou${number}`;
}

/**
 * Chooses a tunnel's device and addresses.
 *
 * @throws {SettingsError} for a missing or conflicting value
 */
export function chooseTunnel(peer: GivenPeer, context: TunnelContext): Peer["tunnel"] {
  const device = chooseDevice(peer, context);
  const ip = chooseOwnAddress(peer, context);
  const peerIp = choosePeerAddress(peer, ip, context);
  if (peerIp === ip) {
    throw new SettingsError(
      `Cannot use ${ip} as ${peer.given.tunnelPeerIp?.place}: it is also the local tunnel address`,
    );
  }
  const mtu = peer.given.tunnelMtu?.value ?? "auto";
  return { device, ip, peerIp, mtu: mtu === "auto" ? null : mtu, header: chooseHeader(peer.given) };
}

function chooseHeader(given: Readonly<GivenValues>): OuterHeader {
  const ttl = given.tunnelTtl?.value ?? DEFAULT_TTL;
  const pmtudisc = given.pathMtuDiscovery?.value ?? true;
  // `ip` refuses it, and so did the kernel's older interface.
  if (!pmtudisc && ttl !== "inherit") {
    throw new SettingsError(
      `Cannot use ${given.pathMtuDiscovery?.place} with a TTL of ${ttl}: without path MTU discovery a tunnel ` +
        "cannot have a TTL of its own; give --tunl-ttl inherit",
    );
  }
  return { ttl, tos: given.tunnelTos?.value ?? 0, pmtudisc };
}

function chooseDevice({ name, place, given }: GivenPeer, { local, isNamed }: TunnelContext): string {
  const device = given.tunnelDevice?.value ?? name;
  const where = given.tunnelDevice?.place ?? place;
  if (RESERVED_DEVICES.includes(device)) {
    throw new SettingsError(`Cannot use "${device}" as ${where}: the kernel uses this name itself`);
  }
  if (device === local.device) {
    const whose = isNamed ? `the device of peer ${quote(name)} (${where})` : "the tunnel device itself";
    throw new SettingsError(`Cannot use ${quote(device)} as ${given.device?.place}: it is ${whose}`);
  }
  return device;
}

function chooseOwnAddress({ given }: GivenPeer, { mode, number, net, own }: TunnelContext): string {
  if (given.tunnelIp !== undefined) return given.tunnelIp.value;
  if (mode === "client") {
    throw new MissingError(
      `Cannot run as a client without a local tunnel address: give --tunl-ip, the server's --tunl-peer-ip${
        orServer(given)
      }`,
      { table: "tunl", owner: own },
    );
  }
  return net === null ? formatIpv4(FIRST_TUNNEL_IP + 2 * number) : ownPoolAddress(net);
}

function choosePeerAddress({ name, place, given }: GivenPeer, ip: string, context: TunnelContext): string {
  const { mode, isNamed, net, own } = context;
  if (given.tunnelPeerIp !== undefined) return given.tunnelPeerIp.value;
  if (net !== null) return poolAddress(name, net, ip);
  if (isNamed) {
    throw new MissingError(
      `Cannot use peer ${quote(name)} (${place}) without a tunnel address: ` +
        "give it tunl.peer-ip, or tunl.net for all peers",
      { table: "tunl", owner: own },
    );
  }
  const next = addIpv4(ip, mode === "server" ? 1 : -1);
  if (next !== null && isHostIpv4(next)) return next;
  throw new SettingsError(
    `Cannot use ${ip} as ${given.tunnelIp?.place}: there is no host address next to it, give --tunl-peer-ip`,
  );
}
