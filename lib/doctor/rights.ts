import { type Finding, fine, unseen } from "./finding.ts";
import { listOf } from "./modules.ts";

/** By capabilities(7). */
const NEEDED = { CAP_NET_ADMIN: 12n, CAP_NET_RAW: 13n } as const;

/** What the process may do. */
export interface RightsFacts {
  /** Null: unknown. */
  readonly uid: number | null;
  /** Bits of its effective capabilities; null: unknown. */
  readonly effective: bigint | null;
  /** Whether it is in another user namespace than the first. */
  readonly isContainer: boolean;
}

/** Whether the process has a capability; true also where that is unknown. */
export function may({ effective }: Pick<RightsFacts, "effective">, capability: keyof typeof NEEDED): boolean {
  return effective === null || (effective >> NEEDED[capability] & 1n) === 1n;
}

/** Judges what this user may do, as a start by the same user would. */
export function judgeRights(facts: RightsFacts): Finding[] {
  const { uid, effective, isContainer } = facts;
  if (effective === null) {
    return [
      unseen("capabilities", "the capabilities of this process cannot be read", "/proc is not there"),
    ];
  }
  const lacking = (Object.keys(NEEDED) as (keyof typeof NEEDED)[]).filter((name) => !may(facts, name));
  if (lacking.length > 0 && uid !== 0) {
    return [unseen(
      "capabilities",
      `this user has no ${listOf(lacking)}`,
      "FOU ports and firewall rules cannot be seen, and nothing can be sent to a server",
      "run it as root",
    )];
  }
  if (lacking.length > 0) {
    return [{
      ...{ topic: "capabilities", level: "fault", what: `root has no ${listOf(lacking)} here` },
      why: "devices, FOU ports and nftables take NET_ADMIN, auth packets NET_RAW",
      cure: "give the container or service both",
    }];
  }
  if (!isContainer) return [fine("capabilities", listOf(Object.keys(NEEDED)))];
  return [{
    ...{ topic: "capabilities", level: "warning", what: "this is root of an unprivileged container" },
    why: "FOU ports take CAP_NET_ADMIN in the first user namespace",
    cure: "make the container privileged, or have the host's root add the port: " +
      "nsenter --net=/proc/PID/ns/net ip fou add port PORT ipproto 4 local ADDRESS (PID: of a process in the container)",
  }];
}

/** Reads /proc/PID/status. */
export function parseRights(status: string | null): Omit<RightsFacts, "isContainer"> {
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(status ?? "")?.[1];
  const bits = /^CapEff:\s+([0-9a-f]+)$/m.exec(status ?? "")?.[1];
  return {
    uid: uid === undefined ? null : Number(uid),
    effective: bits === undefined ? null : BigInt(`0x${bits}`),
  };
}
