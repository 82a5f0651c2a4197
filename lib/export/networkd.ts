import { isInNetwork, parseNetwork } from "../ipv4.ts";
import { SettingsError } from "../settings/errors.ts";
import type { FixedInstance, FixedTunnel } from "./fixed.ts";
import { gateLines, tableOf } from "./gate.ts";
import { headLines } from "./head.ts";
import { comments, fileCommand } from "./script_lines.ts";

const FOLDER = "/etc/systemd/network";

/**
 * Commands for a root shell that write the files by which systemd-networkd has an instance's tunnels, and have it read
 * them.
 *
 * @param config as `--config` takes it
 * @throws {SettingsError} when it has no words for a setting
 */
export function networkdScript(instance: FixedInstance, config: string): string[] {
  const { settings: { name, fouMark, encapCsum, local }, tunnels } = instance;
  refuse(name, fouMark !== 0, "--fou-mark");
  refuse(name, encapCsum === true, "--encap-csum");
  for (const tunnel of tunnels) refuseLoop(name, tunnel);
  const table = tableOf(instance);
  const gate = `/etc/nftables.d/${table}.nft`;
  return [
    ...comments(headLines(instance, "networkd", config)),
    ...comments([
      `${gate} must be loaded at each boot, before networkd starts: include it in /etc/nftables.conf.`,
      ...local.device === null ? [] : [
        `The tunnels take whatever device the routes say, not ${local.device} alone.`,
      ],
    ]),
    // Without its gate there must be no FOU port: a shell of its own ends with the first command that fails.
    "(",
    "set -e",
    "mkdir -p /etc/nftables.d",
    ...fileCommand(gate, [
      `table ip ${table}`,
      `delete table ip ${table}`,
      ...gateLines(instance),
    ]),
    `nft -f ${gate}`,
    ...fileCommand(`${FOLDER}/50-${name}-fou.netdev`, fouLines(instance)),
    ...tunnels.flatMap((tunnel) => {
      const path = `${FOLDER}/50-${tunnel.peer.tunnel.device}`;
      return [
        ...fileCommand(`${path}.netdev`, tunnelLines(instance, tunnel)),
        ...fileCommand(`${path}.network`, networkLines(tunnel)),
      ];
    }),
    "networkctl reload",
    ")",
  ];
}

function refuse(name: string, isGiven: boolean, option: string): void {
  if (!isGiven) return;
  throw new SettingsError(
    `Cannot export ${name} to networkd: it has no words for ${option}; leave it out, or export sh`,
  );
}

/** A tunnel of networkd is bound to no device, so its own packets take the routes that lead into it. */
function refuseLoop(name: string, { peer: { routes }, remote }: FixedTunnel): void {
  const loop = routes.find((network) => isInNetwork(remote.ip, parseNetwork(network)!));
  const wanted = `a device that packets to ${remote.ip} leave by past the route to ${loop}`;
  refuse(name, loop !== undefined, wanted);
}

/** The name is for logs alone: it makes no device. */
function fouLines({ port, local }: FixedInstance): string[] {
  return [
    ...["[NetDev]", `Name=fou${port}`, "Kind=fou", "", "[FooOverUDP]", "Encapsulation=FooOverUDP"],
    ...[`Port=${port}`, "Protocol=4", ...local === null ? [] : [`Local=${local}`]],
  ];
}

function tunnelLines({ local, port }: FixedInstance, { peer: { tunnel }, remote }: FixedTunnel): string[] {
  const { device, mtu, header: { ttl, tos, pmtudisc } } = tunnel;
  return [
    ...["[NetDev]", `Name=${device}`, "Kind=ipip", ...mtu === null ? [] : [`MTUBytes=${mtu}`], ""],
    ...["[Tunnel]", "Independent=yes", `Local=${local ?? "any"}`, `Remote=${remote.ip}`],
    ...[`TTL=${ttl === "inherit" ? 0 : ttl}`, `TOS=${tos === "inherit" ? 1 : tos}`],
    ...[`DiscoverPathMTU=${pmtudisc ? "yes" : "no"}`, "FooOverUDP=yes"],
    ...[`FOUSourcePort=${port}`, `FOUDestinationPort=${remote.port}`],
  ];
}

function networkLines({ peer: { tunnel: { device, ip, peerIp }, routes } }: FixedTunnel): string[] {
  return [
    ...["[Match]", `Name=${device}`, "", "[Network]", "LinkLocalAddressing=no", ""],
    ...["[Address]", `Address=${ip}/32`, `Peer=${peerIp}/32`],
    ...routes.flatMap((network) => ["", "[Route]", `Destination=${network}`]),
  ];
}
