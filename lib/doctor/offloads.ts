import { type Finding, fine, unseen } from "./finding.ts";

/** What was seen of the outer device's features, and of what arrives by it. */
export interface OffloadFacts {
  /** The outer device. */
  readonly device: string;
  /** Whether it is made by software: then what it stands on groups packets. */
  readonly isVirtual: boolean;
  /** Its features that are on, as `ethtool -k` calls them; null: unseen. */
  readonly features: ReadonlySet<string> | null;
  /** UDP datagrams with a wrong checksum that came to this host, before and after all that was tried; null: unseen. */
  readonly wrong: { readonly before: number; readonly after: number } | null;
}

/** Features without which each packet of a tunnel goes through the kernel alone, and the words that turn them on. */
const GROUPING = { "rx-gro": "gro", "tx-generic-segmentation": "gso" } as const;

/** Judges what network cards and drivers do with a tunnel's packets. */
export function judgeOffloads({ device, isVirtual, features, wrong }: OffloadFacts): Finding[] {
  const more = wrong === null ? 0 : wrong.after - wrong.before;
  const off = isVirtual ? [] : Object.entries(GROUPING).filter(([name]) => features?.has(name) === false);
  return [
    ...more === 0 ? [] : [{
      ...{
        topic: "offloads",
        level: "fault",
        what: `${more} UDP datagrams with a wrong checksum came meanwhile`,
      } as const,
      why:
        "the kernel drops them: something on the way rewrites addresses, and spoils checksums that are left to a card",
      cure: "csum = false in [encap], at the other end",
    }],
    ...off.map(([name, word]): Finding => ({
      ...{ topic: "offloads", level: "warning", what: `${name} of ${device} is off` },
      why: "each packet of the tunnel goes through the kernel alone: less throughput, more load",
      cure: `ethtool -K ${device} ${word} on`,
    })),
    ...features === null && !isVirtual
      ? [
        unseen(
          "offloads",
          `the features of ${device}`,
          "this kernel does not tell them by netlink",
          `ethtool -k ${device}`,
        ),
      ]
      : [],
    ...off.length > 0 || more > 0 || features === null
      ? []
      : [fine("offloads", describeFine(device, isVirtual, features))],
  ];
}

function describeFine(device: string, isVirtual: boolean, features: ReadonlySet<string>): string {
  const groups = isVirtual ? `${device} is a virtual device` : `GRO and GSO of ${device} are on`;
  const card = features.has("tx-udp_tnl-segmentation") ? ", its card segments packets of tunnels" : "";
  return `${groups}${isVirtual ? "" : card}, and no checksum was wrong`;
}
