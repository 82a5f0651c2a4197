import { WILDCARD_DEVICE } from "../kernel/wildcards.ts";
import { type Finding, fine } from "./finding.ts";

/** What was seen of other devices for IPIP. */
export interface IpipFacts {
  /** Whether the kernel's own device, which takes what no other one does, is up. */
  readonly isWildcardUp: boolean;
  /** Whether every tunnel of the instance leaves plain IPIP to it. */
  readonly isShared: boolean;
  /** Devices of others that have both outer addresses of a tunnel, by what they are to be: "LOCAL and REMOTE". */
  readonly clashes: ReadonlyMap<string, string>;
}

/** Judges whether other devices for IPIP are in the way. */
export function judgeIpip({ isWildcardUp, isShared, clashes }: IpipFacts): Finding[] {
  const found = [...clashes].map(([pair, device]): Finding => ({
    ...{ topic: "ipip", level: "fault", what: `${device} already is a tunnel between ${pair}` },
    why: "the kernel allows one for each pair of addresses, whatever their ports",
    cure: `ip link delete dev ${device}, or give this tunnel another own address (--fou-local)`,
  }));
  if (found.length > 0) return found;
  if (!isWildcardUp) {
    return [fine("ipip", `${WILDCARD_DEVICE} is down or not there, and no other tunnel is in the way`)];
  }
  if (isShared) return [fine("ipip", `${WILDCARD_DEVICE} is up, and plain IPIP is left to it`)];
  return [{
    ...{ topic: "ipip", level: "warning", what: `${WILDCARD_DEVICE} is up` },
    why:
      "plain IPIP between the outer addresses of a tunnel does not get to it, as Calico or LVS may need; and on a " +
      "client without nft whatever anyone sends to its UDP port comes out of it",
    cure:
      `--tunl-shared-ipip at both ends if something needs it, else ip link set dev ${WILDCARD_DEVICE} down`,
  }];
}
