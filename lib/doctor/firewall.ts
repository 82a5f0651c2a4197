import { type Finding, fine, unseen } from "./finding.ts";
import type { Drop, PacketKind } from "./trace.ts";

/** A drop, and what stands there. */
export interface ExplainedDrop extends Drop {
  /** The rule as `nft` prints it; null: the chain's policy, or it cannot be read. */
  readonly rule: string | null;
  /** Who keeps the table, if not the administrator by `nft`. */
  readonly keeper: "iptables" | "firewalld" | null;
}

/** What nftables did with packets of the instance. */
export interface FirewallFacts {
  /** Why they could not be traced; null: they were. */
  readonly problem: string | null;
  readonly traced: ReadonlyMap<PacketKind, number>;
  /** How many of them came to their end in our own gate, and so could not come to it elsewhere. */
  readonly ended: ReadonlyMap<PacketKind, number>;
  readonly drops: readonly ExplainedDrop[];
}

/** Judges whether a firewall of this host drops packets of the instance. */
export function judgeFirewall({ problem, traced, ended, drops }: FirewallFacts): Finding[] {
  if (problem !== null) return [unseen("firewall", "packets cannot be traced through nftables", problem)];
  if (drops.length > 0) {
    return drops.map((drop) => {
      const left = (traced.get(drop.kind) ?? 0) - (ended.get(drop.kind) ?? 0);
      return judgeDrop(drop, Math.max(drop.count, left));
    });
  }
  const count = [...traced.values()].reduce((sum, number) => sum + number, 0);
  if (count > 0) {
    return [
      fine("firewall", `${count} packets of the instance were traced through nftables: none is dropped`),
    ];
  }
  return [unseen(
    "firewall",
    "no packet of the instance came by",
    "only what comes by can be traced",
    "run it again while the other side pings through the tunnel",
  )];
}

/** Says what is not traced. @param hasNftables whether nftables may have rules, which this user may not see */
export function judgeUntraced(hasNftables: boolean): Finding {
  if (!hasNftables) return fine("firewall", "nf_tables is not loaded, so nftables has no rules");
  return unseen(
    "firewall",
    "whether a firewall drops packets of the instance",
    "only root can have them traced",
    "run it as root",
  );
}

/** Judges the tables of the older iptables, whose rules nothing traces. @param tables their names */
export function judgeLegacy(tables: readonly string[]): Finding[] {
  if (tables.length === 0) return [];
  return [unseen(
    "firewall",
    `rules of the older iptables (${tables.join(", ")})`,
    "only those of nftables can be traced",
    "iptables-legacy -nvL shows how many packets each of them dropped",
  )];
}

function judgeDrop(drop: ExplainedDrop, traced: number): Finding {
  const { kind, subject, family, table, chain, rule, handle, count } = drop;
  const what = {
    "udp in": `UDP from the other side to port ${subject}`,
    "udp out": `UDP from port ${subject} to the other side`,
    "out of tunnel": `what comes out of ${subject}`,
    "into tunnel": `what is sent into ${subject}`,
  }[kind];
  const by = rule ?? (handle === null ? "its policy is drop" : `rule ${handle}`);
  return {
    topic: "firewall",
    level: count >= traced ? "fault" : "warning",
    what: `${family} ${table} ${chain} drops ${what}: ${by}`,
    why: `${count} of ${traced} such packets that were traced ended there`,
    cure: cureOf(drop),
  };
}

function cureOf({ kind, subject, family, table, chain, keeper }: ExplainedDrop): string {
  const isUdp = kind === "udp in" || kind === "udp out";
  if (keeper === "firewalld") {
    return isUdp
      ? `firewall-cmd --permanent --add-port=${subject}/udp && firewall-cmd --reload`
      : `firewall-cmd --permanent --zone=trusted --add-interface=${subject} && firewall-cmd --reload`;
  }
  if (keeper === "iptables") {
    const match = {
      ...{ "udp in": `-p udp --dport ${subject}`, "udp out": `-p udp --sport ${subject}` },
      ...{ "out of tunnel": `-i ${subject}`, "into tunnel": `-o ${subject}` },
    }[kind];
    return `iptables -t ${table} -I ${chain} ${match} -j ACCEPT`;
  }
  const match = {
    ...{ "udp in": `udp dport ${subject}`, "udp out": `udp sport ${subject}` },
    ...{ "out of tunnel": `iifname ${subject}`, "into tunnel": `oifname ${subject}` },
  }[kind];
  return `nft insert rule ${family} ${table} ${chain} ${match} accept`;
}
