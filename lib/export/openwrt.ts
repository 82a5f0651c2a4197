import type { FixedInstance, FixedTunnel } from "./fixed.ts";
import { headLines } from "./head.ts";
import { comments, fileCommand } from "./script_lines.ts";
import { deviceScript } from "./shell.ts";

/**
 * Commands for a root shell that give OpenWrt an instance's tunnels: a script makes the devices whenever another
 * interface comes up, as UCI has no words for FOU, and netifd gives them their addresses and routes.
 *
 * @param config as `--config` takes it
 */
export function openwrtScript(instance: FixedInstance, config: string): string[] {
  const { settings: { name }, tunnels } = instance;
  const script = `/etc/ipipou/${name}.sh`;
  const devices = tunnels.map(({ peer: { tunnel: { device } } }) => device);
  return [
    ...comments(headLines(instance, "openwrt", config)),
    ...comments([
      "It takes ip-full, kmod-fou, kmod-ipip and nft. Put the interfaces into a firewall zone:",
      ...tunnels.map(({ peer: { tunnel: { device } } }) => `  ${sectionOf(device)}`),
    ]),
    "mkdir -p /etc/ipipou",
    ...fileCommand(script, deviceScript(instance)),
    `chmod 755 ${script}`,
    ...fileCommand(`/etc/hotplug.d/iface/40-ipipou-${name}`, [
      '[ "$ACTION" = ifup ] || exit 0',
      `for device in ${devices.join(" ")}; do`,
      `  ip link show dev "$device" >/dev/null 2>&1 || { ${script} up; break; }`,
      "done",
    ]),
    "uci batch <<'EOF'",
    ...tunnels.flatMap(uciLines),
    "commit network",
    "EOF",
    `${script} up`,
    "/etc/init.d/network reload",
  ];
}

function uciLines({ peer: { tunnel: { device, ip, peerIp }, routes } }: FixedTunnel): string[] {
  const section = `network.${sectionOf(device)}`;
  const options = {
    proto: "static",
    device,
    ipaddr: ip,
    netmask: "255.255.255.255",
    ptpaddr: peerIp,
  };
  return [
    `set ${section}=interface`,
    ...Object.entries(options).map(([key, value]) => `set ${section}.${key}='${value}'`),
    ...routes.flatMap((network, index) => {
      const route = `${section}_route${index}`;
      return [
        `set ${route}=route`,
        `set ${route}.interface='${sectionOf(device)}'`,
        `set ${route}.target='${network}'`,
      ];
    }),
  ];
}

/** What UCI takes as a name. */
function sectionOf(device: string): string {
  return device.replace(/[^A-Za-z0-9_]/g, "_");
}
