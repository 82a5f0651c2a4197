import type { FixedInstance, FixedTunnel } from "./fixed.ts";
import { gateLines, tableOf } from "./gate.ts";
import { headLines } from "./head.ts";
import { comments } from "./script_lines.ts";

/** The alias by which a device is known as the script's. */
function aliasOf({ settings: { name } }: FixedInstance): string {
  return `ipipou-export:${name}`;
}

/**
 * A script of a POSIX shell that lays down an instance's tunnels (`up`) and removes them (`down`).
 *
 * @param config as `--config` takes it
 */
export function shellScript(instance: FixedInstance, config: string): string[] {
  const addressing = (tunnel: FixedTunnel) => [...addressLines(tunnel), ...routeLines(tunnel)];
  return ["#!/bin/sh", ...comments(headLines(instance, "sh", config)), ...program(instance, addressing)];
}

/** The same without addresses and routes, which another program gives. */
export function deviceScript(instance: FixedInstance): string[] {
  return ["#!/bin/sh", ...program(instance, () => [])];
}

function program(instance: FixedInstance, addressing: (tunnel: FixedTunnel) => string[]): string[] {
  const devices = instance.tunnels.map(({ peer: { tunnel: { device } } }) => device);
  return [
    "set -eu",
    `devices="${devices.join(" ")}"`,
    "",
    "ours() {",
    `  ip link show dev "$1" 2>/dev/null | grep -q "alias ${aliasOf(instance)}\\$"`,
    "}",
    "",
    ...removal(instance),
    "",
    ...making(instance, addressing),
    "",
    'case "${1-}" in',
    "  up) up ;;",
    "  down) remove ;;",
    '  *) echo "Usage: $0 up|down" >&2; exit 2 ;;',
    "esac",
  ];
}

function removal(instance: FixedInstance): string[] {
  const table = tableOf(instance);
  return [
    "remove() {",
    "  found=",
    '  for device in $devices; do if ours "$device"; then found=1; fi; done',
    `  if nft list table ip ${table} >/dev/null 2>&1; then found=1; fi`,
    '  if [ -z "$found" ]; then return; fi',
    `  ip fou del ${fouPort(instance)} 2>/dev/null || true`,
    '  for device in $devices; do if ours "$device"; then ip link delete dev "$device"; fi; done',
    `  nft delete table ip ${table} 2>/dev/null || true`,
    "}",
  ];
}

function making(instance: FixedInstance, addressing: (tunnel: FixedTunnel) => string[]): string[] {
  const links = instance.tunnels.flatMap((tunnel) => [...linkLines(instance, tunnel), ...addressing(tunnel)]);
  return [
    "up() {",
    "  for device in $devices; do",
    '    if ! ours "$device" && ip link show dev "$device" >/dev/null 2>&1; then',
    '      echo "Cannot make $device: there is a device of this name that is not from here" >&2',
    "      exit 1",
    "    fi",
    "  done",
    "  remove",
    "  modprobe -a fou ipip 2>/dev/null || true",
    "  # The FOU port opens behind its gate. If it is another's, that one stays.",
    "  nft -f - <<'END'",
    ...gateLines(instance),
    "END",
    `  ip fou add ${fouPort(instance)} || { nft delete table ip ${tableOf(instance)}; exit 1; }`,
    "  # Whatever fails from here on, nothing stays.",
    "  trap remove EXIT",
    ...links.map((line) => `  ip ${line}`),
    "  trap - EXIT",
    "}",
  ];
}

/** As `ip fou` takes it. */
function fouPort({ port, local }: FixedInstance): string {
  return `port ${port} ipproto 4${local === null ? "" : ` local ${local}`}`;
}

function linkLines(instance: FixedInstance, { peer, remote, header }: FixedTunnel): string[] {
  const { settings: { fouMark, encapCsum, local }, port } = instance;
  const { device, mtu } = peer.tunnel;
  const mark = fouMark === 0 ? "" : ` fwmark ${fouMark}`;
  const link = local.device === null ? "" : ` dev ${local.device}`;
  return [
    `link add name ${device}${mtu === null ? "" : ` mtu ${mtu}`} type ipip remote ${remote.ip} local ${
      instance.local ?? "any"
    } ${header}${mark} encap fou encap-sport ${port} encap-dport ${remote.port} ${
      encapCsum ? "encap-csum" : "noencap-csum"
    } mode ipip${link}`,
    `link set dev ${device} alias ${aliasOf(instance)}`,
    `link set dev ${device} up`,
  ];
}

function addressLines({ peer: { tunnel: { device, ip, peerIp } } }: FixedTunnel): string[] {
  return [`address add ${ip} peer ${peerIp} dev ${device}`];
}

function routeLines({ peer: { tunnel: { device }, routes } }: FixedTunnel): string[] {
  return routes.map((network) => `route add ${network} dev ${device}`);
}
