import type { FixedInstance } from "./fixed.ts";

/** The name of the table that has an instance's rules. */
export function tableOf({ settings: { name } }: FixedInstance): string {
  return `ipipou-export-${name}`;
}

/**
 * The rules in front of the FOU port, for `nft -f`: whoever is not at a tunnel's far end is dropped, and so is IPIP that
 * is not in UDP; what comes out of a tunnel must have a source address that its peer may have.
 */
export function gateLines(instance: FixedInstance): string[] {
  const { settings: { mode }, local, port, tunnels } = instance;
  const here = local === null ? "" : `ip daddr ${local} `;
  const addresses = tunnels.map(({ remote }) => remote.ip).join(", ");
  const places = tunnels.map(({ remote }) => `${remote.ip} . ${remote.port}`).join(", ");
  // A server has nobody else there. A client may have tunnels of others at that port.
  const strangers = mode === "server" ? "" : `ip saddr { ${addresses} } `;
  return [
    `table ip ${tableOf(instance)} {`,
    "  chain outside {",
    "    type filter hook input priority -150; policy accept;",
    `    ${here}udp dport ${port} ${strangers}ip saddr . udp sport != { ${places} } drop`,
    `    ${here}ip protocol 4 ip saddr { ${addresses} } drop`,
    "  }",
    ...sourceChain(instance),
    "}",
  ];
}

function sourceChain({ tunnels }: FixedInstance): string[] {
  const rules = tunnels.flatMap(({ peer: { allowedIps, tunnel: { device } } }) =>
    allowedIps === null ? [] : [`    iifname "${device}" ip saddr != { ${allowedIps.join(", ")} } drop`]
  );
  if (rules.length === 0) return [];
  return [
    "  chain inside {",
    "    type filter hook prerouting priority -350; policy accept;",
    ...rules,
    "  }",
  ];
}
