import { OVERHEAD } from "../kernel/mtu.ts";
import { type Finding, fine, unseen } from "./finding.ts";
import type { PingAnswer } from "./pinger.ts";

/** Bytes that every way takes. */
const LEAST = 296;

/** The longest packets that get through and back. */
export interface Longest {
  readonly length: number;
  /** Whether who sends longer ones is told. */
  readonly isTold: boolean;
}

/** What became of packets of the lengths that are to get through. */
export interface MtuFacts {
  /** The tunnel device; null: there is none, and the way to the server was probed. */
  readonly device: string | null;
  /** The peer of a hub that it leads to; null: there is one peer. */
  readonly peer: string | null;
  /** Who was pinged. */
  readonly target: string;
  /** The tunnel's MTU, or the one that it will have. */
  readonly mtu: number;
  /** Null: no ping was answered. */
  readonly longest: Longest | null;
}

/**
 * Judges whether a tunnel's packets get through in full size.
 *
 * @param isIn whether the far end is let in, so that only a firewall can drop all pings
 */
export function judgeMtu({ device, peer, target, mtu, longest }: MtuFacts, isIn: boolean): Finding {
  if (longest === null) {
    return unseen(
      "mtu",
      `no ping to ${target} is answered`,
      "the longest packets that get through are found by pings",
      device === null || !isIn
        ? null
        : `if none is ever answered, a firewall may drop what comes out of the tunnel there: ` +
          `ping ${target} here, and run ipipou doctor there meanwhile`,
    );
  }
  const fits = device === null ? longest.length - OVERHEAD : longest.length;
  const where = device === null ? `the way to ${target}` : `${device}, and back from ${target}`;
  if (fits >= mtu) return fine("mtu", `packets of ${longest.length} bytes get through ${where}`);
  return {
    topic: "mtu",
    level: longest.isTold ? "warning" : "fault",
    what:
      `packets of more than ${longest.length} bytes do not get through ${where}; the tunnel's MTU is ${mtu}`,
    why: longest.isTold
      ? "who sends longer ones is told so, and sends them again"
      : "longer ones are lost, and nobody is told: ping works, and TCP hangs",
    cure: `${
      peer === null
        ? `mtu = ${fits} in [tunl], on both sides`
        : `mtu = ${fits} as tunl.mtu of peer ${peer} here, and in [tunl] at its client`
    }; then reload them; where one forwards, TCP needs mss-clamp = "auto" there, too`,
  };
}

/** They were not looked for. */
export function unseenMtu(): Finding {
  return unseen("mtu", "the longest packets that get through", "only root can send pings", "run it as root");
}

/**
 * Finds the longest packets that get through and back.
 *
 * @param ping sends one of a length; "lost" only after several
 * @param most bytes that are tried
 * @returns null: none is answered
 */
export async function searchLongest(
  ping: (length: number) => Promise<PingAnswer>,
  most: number,
): Promise<Longest | null> {
  if ((await ping(most)).kind === "answered") return { length: most, isTold: true };
  const least = Math.min(LEAST, most - 1);
  if ((await ping(least)).kind !== "answered") return null;
  let [low, high, isTold] = [least, most, false];
  let next: number | null = null;
  while (high - low > 1) {
    const length = next ?? low + high >> 1;
    const answer = await ping(length);
    next = null;
    if (answer.kind === "answered") low = length;
    else high = length;
    if (answer.kind !== "too long") continue;
    isTold = true;
    if (answer.mtu > low && answer.mtu < high) next = answer.mtu;
  }
  return { length: low, isTold };
}
