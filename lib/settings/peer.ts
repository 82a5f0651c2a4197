import { addIpv4, formatIpv4, isHostIpv4 } from "../ipv4.ts";
import { quote, SettingsError } from "./errors.ts";
import type { GivenValues } from "./given.ts";
import { chooseScheme, type SchemeContext } from "./scheme.ts";
import type { Peer, Settings } from "./settings.ts";

/** 172.28.0.0 and 172.29.0.0 */
const FIRST_TUNNEL_IP = 0xac1c_0000;
const FIRST_ALT_IP = 0xac1d_0000;
/** The kernel's own device, which takes the packets no other ipip device is for. */
const FALLBACK_DEVICE = "tunl0";

/** What choosing a peer needs to know. */
interface PeerContext extends SchemeContext {
  /** N */
  readonly number: number;
  readonly local: Settings["local"];
}

/**
 * Makes the one peer that options without names describe.
 *
 * @throws {SettingsError} when something is missing or does not fit
 */
export function choosePeer(given: Readonly<GivenValues>, context: PeerContext): Peer {
  const { mode, number, local } = context;
  const tunnel = chooseTunnel(given, context);
  const remote = chooseRemote(given, mode);
  const byRemote = chooseByRemote(given, context);
  const altIp = chooseAltIp(given, number);
  if (mode === "server" && altIp === local.ip) {
    throw new SettingsError(
      `Cannot use ${local.ip} as ${given.localIp?.place}: it is the private local address too, ` +
        "give another --fou-local-ip-alt",
    );
  }
  const scheme = chooseScheme(given, context);
  if (mode === "server" && scheme.kind === "port" && !byRemote.ip) {
    context.warn(
      "Anyone who can send to the server's UDP port is let in, as nothing is authenticated: " +
        "give --auth-remote-pubkey-b64",
    );
  }
  return {
    name: tunnel.device,
    tunnel,
    remote,
    byRemote,
    scheme,
    maxTimeDiscrepancy: given.maxTimeDiscrepancy?.value ?? 0,
    lifetime: given.lifetime?.value ?? 0,
    reply: given.reply?.value ?? false,
    altIp,
    forceAlt: given.forceAlt?.value ?? false,
    allowedIps: null,
    routes: [],
    moveInterval: 0,
  };
}

/** The tunnel's device. @param number N */
export function chooseTunnelDevice(given: Readonly<GivenValues>, number: number): string {
  return given.tunnelDevice?.value ?? `ipipou${number}`;
}

/** The private local address. @param number N */
export function chooseAltIp(given: Readonly<GivenValues>, number: number): string {
  return given.altIp?.value ?? formatIpv4(FIRST_ALT_IP + number);
}

function chooseTunnel(given: Readonly<GivenValues>, { mode, number, local }: PeerContext): Peer["tunnel"] {
  const device = chooseTunnelDevice(given, number);
  if (device === FALLBACK_DEVICE) {
    throw new SettingsError(`Cannot use "${device}" as ${given.tunnelDevice?.place}: it is the kernel's own`);
  }
  if (device === local.device) {
    throw new SettingsError(
      `Cannot use ${quote(device)} as ${given.device?.place}: it is the tunnel's own device`,
    );
  }
  if (mode === "client" && given.tunnelIp === undefined) {
    throw new SettingsError(
      "Cannot run as a client without an own address in the tunnel: " +
        "give --tunl-ip, the server's --tunl-peer-ip",
    );
  }
  const ip = given.tunnelIp?.value ?? formatIpv4(FIRST_TUNNEL_IP + 2 * number);
  const peerIp = given.tunnelPeerIp?.value ?? addIpv4(ip, mode === "server" ? 1 : -1);
  if (peerIp === null || !isHostIpv4(peerIp)) {
    throw new SettingsError(
      `Cannot use ${ip} as ${given.tunnelIp?.place}: no host address is next to it, give --tunl-peer-ip`,
    );
  }
  if (peerIp === ip) {
    throw new SettingsError(
      `Cannot use ${ip} as ${given.tunnelPeerIp?.place}: it is the own address in the tunnel`,
    );
  }
  return { device, ip, peerIp };
}

function chooseRemote(given: Readonly<GivenValues>, mode: Settings["mode"]): Peer["remote"] {
  const remote = { host: given.remoteHost?.value ?? null, port: given.remotePort?.value ?? null };
  const missing = remote.host === null ? "address" : remote.port === null ? "UDP port" : null;
  if (mode === "client" && missing !== null) {
    throw new SettingsError(
      `Cannot run as a client without the server's ${missing}: give -r/--fou-remote HOST:PORT`,
    );
  }
  return remote;
}

function chooseByRemote(given: Readonly<GivenValues>, { mode, warn }: PeerContext): Peer["byRemote"] {
  const checks = [
    { check: given.byRemoteIp, known: given.remoteHost, what: "address", option: "--auth-by-remote-ip" },
    { check: given.byRemotePort, known: given.remotePort, what: "port", option: "--auth-by-remote-port" },
  ];
  for (const { check, known, what, option } of mode === "server" ? checks : []) {
    if (check?.value && known === undefined) {
      throw new SettingsError(
        `Cannot use ${check.place} without the ${what} to compare with: give -r/--fou-remote`,
      );
    }
    if (!check?.value && known !== undefined) {
      warn(`The ${what} of ${known.place} has no effect on a server without ${option}`);
    }
  }
  return { ip: given.byRemoteIp?.value ?? false, port: given.byRemotePort?.value ?? false };
}
