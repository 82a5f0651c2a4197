import { type Finding, fine, unseen } from "./finding.ts";

/** What was seen of forwarding. */
export interface ForwardingFacts {
  readonly isServer: boolean;
  readonly peers: number;
  /** Networks that are routed into tunnels. */
  readonly routes: readonly string[];
  /** net.ipv4.conf.DEVICE.forwarding by device, and of "default" for those to come; null: unseen. */
  readonly forwarding: ReadonlyMap<string, number> | null;
  /** Own tunnel devices, there or not. */
  readonly tunnels: readonly string[];
}

const CURE = "sysctl -w net.ipv4.ip_forward=1, and net.ipv4.ip_forward = 1 in a file of /etc/sysctl.d";

/** Judges whether what comes out of a server's tunnels may go on to elsewhere. */
export function judgeForwarding(
  { isServer, peers, routes, forwarding, tunnels }: ForwardingFacts,
): Finding[] {
  if (!isServer) return [];
  if (forwarding === null) return [unseen("forwarding", "it cannot be read", "/proc is not there")];
  const isOn = (device: string) => (forwarding.get(device) ?? forwarding.get("default") ?? 0) !== 0;
  // A server without peers makes its tunnels later.
  const off = (tunnels.length === 0 ? ["default"] : tunnels).filter((device) => !isOn(device));
  if (off.length === 0) return [fine("forwarding", "on")];
  if (routes.length > 0) {
    const more = off.length > 1 ? ` and ${off.length - 1} more` : "";
    return [{
      ...{ topic: "forwarding", level: "warning", what: `it is off for what comes out of ${off[0]}${more}` },
      why: `networks behind clients (${routes.slice(0, 3).join(", ")}) reach this host alone`,
      cure: CURE,
    }];
  }
  return [fine("forwarding", peers > 1 ? "off: clients reach this host, not each other" : "off")];
}
