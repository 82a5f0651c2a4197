import { type Finding, fine, unseen } from "./finding.ts";

/** Seconds after which Linux tells the sender of a fragment that the others are missing (net.ipv4.ipfrag_time). */
export const FRAGMENT_SECONDS = 30;
/** Seconds in which every NAT keeps a way open. */
const LEAST_SECONDS = 3;

/** What was measured of the way between a client and its server. */
export interface NatFacts {
  /** Seconds between auth packets; 0: none. */
  readonly keepalive: number;
  /** Why nothing was measured; null: something was. */
  readonly problem: string | null;
  /** Seconds without a packet after which the way was still open, and after which it was not; null: not seen. */
  readonly open: number | null;
  readonly shut: number | null;
}

/** Judges whether a client sends often enough for the NATs on its way. */
export function judgeNat({ keepalive, problem, open, shut }: NatFacts): Finding {
  const unknown = "how long the way stays open without a packet";
  if (problem !== null) return unseen("nat", unknown, problem);
  if (open === null) {
    return unseen(
      "nat",
      unknown,
      "the server's host did not tell of a fragment, so nothing could be measured: a firewall there drops it, or it is no Linux",
    );
  }
  if (shut === null) return fine("nat", `the way is open for at least ${open} s without a packet`);
  const what = `the way is open after ${open} s without a packet, and not after ${shut} s`;
  if (keepalive !== 0 && keepalive < open) return fine("nat", what);
  return {
    ...{ topic: "nat", level: "fault", what },
    why: keepalive === 0
      ? "this client sends nothing by itself, so the server reaches it only until then"
      : `this client sends every ${keepalive} s, so the server does not reach it in between`,
    cure: `keepalive = ${Math.max(LEAST_SECONDS, open - 2)}`,
  };
}

/**
 * Finds how long a way is open without a packet.
 *
 * @param isOpenAfter tries it for so many seconds; each try takes half a minute
 */
export async function searchOpen(
  isOpenAfter: (seconds: number) => Promise<boolean>,
): Promise<{ readonly open: number | null; readonly shut: number | null }> {
  if (await isOpenAfter(FRAGMENT_SECONDS)) return { open: FRAGMENT_SECONDS, shut: null };
  // Without this it is not known whether anything comes back at all.
  if (!await isOpenAfter(LEAST_SECONDS)) return { open: null, shut: null };
  let [open, shut] = [LEAST_SECONDS, FRAGMENT_SECONDS];
  for (let tries = 0; tries < 3; tries++) {
    const seconds = Math.round((open + shut) / 2);
    if (await isOpenAfter(seconds)) open = seconds;
    else shut = seconds;
  }
  return { open, shut };
}
