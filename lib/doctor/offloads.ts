import type { DeviceFeatures } from "../doctor_ports.ts";
import { type Finding, fine, unseen } from "./finding.ts";

/** What was seen of the outer device's features, and of what arrives by it. */
export interface OffloadFacts {
  /** The outer device. */
  readonly device: string;
  /** Whether it is made by software: then what it stands on groups packets. */
  readonly isVirtual: boolean;
  /** null: unseen. */
  readonly features: DeviceFeatures | null;
  /** UDP datagrams with a wrong checksum that came to this host, before and after all that was tried; null: unseen. */
  readonly wrong: { readonly before: number; readonly after: number } | null;
}

/** Features without which each packet of a tunnel goes through the kernel alone, and the words that turn them on. */
const GROUPING = { "rx-gro": "gro", "tx-generic-segmentation": "gso" } as const;
/** What the kernel wants of a card before it groups packets to be sent, and the word that turns it on. */
const SCATTER = { name: "tx-scatter-gather", word: "sg" } as const;

/** Judges what network cards and drivers do with a tunnel's packets. */
export function judgeOffloads({ device, isVirtual, features, wrong }: OffloadFacts): Finding[] {
  const more = wrong === null ? 0 : wrong.after - wrong.before;
  const bad = [
    ...more === 0 ? [] : [wrongChecksums(more)],
    ...isVirtual ? [] : features === null ? [unseenFeatures(device)] : groupingOff(device, features),
  ];
  return bad.length > 0 || features === null
    ? bad
    : [fine("offloads", describeFine(device, isVirtual, features))];
}

function wrongChecksums(count: number): Finding {
  return {
    ...{ topic: "offloads", level: "fault" },
    what: `${count} UDP datagrams with a wrong checksum came meanwhile`,
    why:
      "the kernel drops them: something on the way rewrites addresses, and spoils checksums that are left to a card",
    cure: "csum = false in [encap], at the other end",
  };
}

function unseenFeatures(device: string): Finding {
  const why = "this kernel does not tell them by netlink";
  return unseen("offloads", `the features of ${device}`, why, `ethtool -k ${device}`);
}

/** Grouping that is off though the card can do it. */
function groupingOff(device: string, features: DeviceFeatures): Finding[] {
  const { on, changeable } = features;
  const scatters = on.has(SCATTER.name);
  return Object.entries(GROUPING).filter(([name]) => !on.has(name)).flatMap(([name, word]): Finding[] => {
    const needsScatter = word === "gso" && !scatters;
    if (needsScatter && !changeable.has(SCATTER.name)) return [];
    return [{
      ...{ topic: "offloads", level: "warning", what: `${name} of ${device} is off` },
      why: "each packet of the tunnel goes through the kernel alone: less throughput, more load",
      cure: `ethtool -K ${device} ${needsScatter ? `${SCATTER.word} on ` : ""}${word} on`,
    }];
  });
}

function describeFine(device: string, isVirtual: boolean, { on }: DeviceFeatures): string {
  const card = on.has("tx-udp_tnl-segmentation") ? ", its card segments packets of tunnels" : "";
  const groups = isVirtual
    ? `${device} is a virtual device`
    : on.has("tx-generic-segmentation")
    ? `GRO and GSO of ${device} are on${card}`
    : `GRO of ${device} is on, and its card cannot group packets to send`;
  return `${groups}, and no checksum was wrong`;
}
