import { addIpv4, formatIpv4, isHostIpv4, type Network } from "../ipv4.ts";
import { quote, SettingsError } from "./errors.ts";
import type { GivenPeer, GivenValues } from "./given.ts";
import { ownPoolAddress, poolAddress } from "./pool.ts";
import type { Peer, Settings } from "./settings.ts";

/** 172.28.0.0 */
const FIRST_TUNNEL_IP = 0xac1c_0000;
/**
 * tunl0 is the kernel's own device, which takes the packets no other ipip device is for; the others are the kernel's
 * words in /proc/sys/net/ipv4/conf, and it refuses devices of these names.
 */
const KERNELS_OWN: readonly string[] = ["tunl0", "all", "default"];

/** What choosing a tunnel needs to know. */
export interface TunnelContext {
  readonly mode: Settings["mode"];
  /** N */
  readonly number: number;
  readonly local: Settings["local"];
  /** Whether the peer has a name of its own, as one of several. */
  readonly isNamed: boolean;
  /** What addresses in the tunnel are of. */
  readonly net: Network | null;
}

/** The instance's name, and the only tunnel's device. @param number N */
export function chooseTunnelDevice(given: Readonly<GivenValues>, number: number): string {
  return given.tunnelDevice?.value ?? `ipipou${number}`;
}

/**
 * Chooses a tunnel's device and addresses.
 *
 * @throws {SettingsError} when something is missing or does not fit
 */
export function chooseTunnel(peer: GivenPeer, context: TunnelContext): Peer["tunnel"] {
  const device = chooseDevice(peer, context);
  const ip = chooseOwnAddress(peer, context);
  const peerIp = choosePeerAddress(peer, ip, context);
  if (peerIp === ip) {
    throw new SettingsError(
      `Cannot use ${ip} as ${peer.given.tunnelPeerIp?.place}: it is the own address in the tunnel`,
    );
  }
  return { device, ip, peerIp };
}

function chooseDevice({ name, place, given }: GivenPeer, { local, isNamed }: TunnelContext): string {
  const device = given.tunnelDevice?.value ?? name;
  const said = given.tunnelDevice?.place ?? place;
  if (KERNELS_OWN.includes(device)) {
    throw new SettingsError(`Cannot use "${device}" as ${said}: it is the kernel's own`);
  }
  if (device === local.device) {
    const whose = isNamed ? `the device of peer ${quote(name)} (${said})` : "the tunnel's own device";
    throw new SettingsError(`Cannot use ${quote(device)} as ${given.device?.place}: it is ${whose}`);
  }
  return device;
}

function chooseOwnAddress({ given }: GivenPeer, { mode, number, net }: TunnelContext): string {
  if (given.tunnelIp !== undefined) return given.tunnelIp.value;
  if (mode === "client") {
    throw new SettingsError(
      "Cannot run as a client without an own address in the tunnel: " +
        "give --tunl-ip, the server's --tunl-peer-ip",
    );
  }
  return net === null ? formatIpv4(FIRST_TUNNEL_IP + 2 * number) : ownPoolAddress(net);
}

function choosePeerAddress({ name, place, given }: GivenPeer, ip: string, context: TunnelContext): string {
  const { mode, isNamed, net } = context;
  if (given.tunnelPeerIp !== undefined) return given.tunnelPeerIp.value;
  if (net !== null) return poolAddress(name, net, ip);
  if (isNamed) {
    throw new SettingsError(
      `Cannot use peer ${quote(name)} (${place}) without an address in the tunnel: ` +
        "give it tunl.peer-ip, or tunl.net for all",
    );
  }
  const next = addIpv4(ip, mode === "server" ? 1 : -1);
  if (next !== null && isHostIpv4(next)) return next;
  throw new SettingsError(
    `Cannot use ${ip} as ${given.tunnelIp?.place}: no host address is next to it, give --tunl-peer-ip`,
  );
}
