import { type Finding, fine, unseen } from "./finding.ts";

/** Drops what comes from an address whose route does not lead back by the device that it came by. */
const STRICT = 1;

/** What was seen of the kernel's check of sources. */
export interface ReversePathFacts {
  /** net.ipv4.conf.DEVICE.rp_filter by device, and of "all", whose value counts if it is higher; null: unseen. */
  readonly filters: ReadonlyMap<string, number> | null;
  /** Packets that it has dropped since the kernel was started; null: unseen. */
  readonly dropped: number | null;
  /** The outer device; null: unknown. */
  readonly device: string | null;
  /** Far outer addresses, each with the device that its route leaves by; null: there is no route. */
  readonly ways: ReadonlyMap<string, string | null>;
  /** Own tunnel devices. */
  readonly tunnels: readonly string[];
  /** Networks that a peer may send from, with no route to its tunnel, by its device. */
  readonly unrouted: ReadonlyMap<string, readonly string[]>;
}

/** Judges whether the kernel takes what comes from the far ends, and out of the tunnels. */
export function judgeReversePath(facts: ReversePathFacts): Finding[] {
  const { filters, device, ways, unrouted } = facts;
  if (filters === null || device === null) {
    return [
      unseen(
        "reverse path",
        "rp_filter cannot be read",
        "the outer device is not known, or /proc is not there",
      ),
    ];
  }
  const isStrict = (name: string) =>
    Math.max(filters.get("all") ?? 0, filters.get(name) ?? filters.get("default") ?? 0) === STRICT;
  const elsewhere = [...ways].filter(([, way]) => way !== device);
  const outer = isStrict(device) ? elsewhere.map(([ip, way]) => refused(device, ip, way, facts)) : [];
  const inner = [...unrouted].filter(([tunnel]) => isStrict(tunnel)).map(([tunnel, networks]): Finding => ({
    ...{ topic: "reverse path", level: "warning" },
    what: `rp_filter of ${tunnel} is strict, and no route to ${networks.join(", ")} leads into it`,
    why: `what comes from there is dropped${dropsOf(facts)}`,
    cure: "give the peer these networks as routes, or " +
      `sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.${tunnel}.rp_filter=2`,
  }));
  const found = [...outer, ...inner];
  if (found.length > 0) return found;
  const kind = isStrict(device) ? "strict, and routes lead back by it" : "not strict";
  return [fine("reverse path", `rp_filter of ${device} is ${kind}`)];
}

function refused(device: string, ip: string, way: string | null, facts: ReversePathFacts): Finding {
  const where = way === null ? `there is no route to ${ip}` : `the route to ${ip} leaves by ${way}`;
  return {
    ...{ topic: "reverse path", level: "fault", what: `rp_filter of ${device} is strict, and ${where}` },
    why: `what comes from there by ${device} is dropped${dropsOf(facts)}`,
    cure: `sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.${device}.rp_filter=2`,
  };
}

function dropsOf({ dropped }: ReversePathFacts): string {
  return dropped === null ? "" : ` (${dropped} packets so far, by nstat -az TcpExtIPReversePathFilter)`;
}
