import { type Endpoint, formatEndpoint } from "./packet.ts";

/** Why an auth packet was refused, from farthest from valid to nearest. */
const REFUSALS = [
  "port given up",
  "wrong length",
  "wrong token",
  "too many unknown senders",
  "wrong signature",
  "wrong remote address",
  "wrong remote port",
  "time too far from ours",
  "overtaken by a later one",
  "moved too recently",
] as const;

/** Why an auth packet was refused. */
export type Refusal = typeof REFUSALS[number];

/** The refusal nearer to valid: the one to report when several peers refuse a packet. */
export function closerRefusal(a: Refusal, b: Refusal): Refusal {
  return REFUSALS.indexOf(a) < REFUSALS.indexOf(b) ? b : a;
}

/** Minimum milliseconds between two log lines about refused auth packets. */
const QUIET_MILLISECONDS = 60_000;

/** Formats a refusal for the log. */
export function describeRefusal(source: Endpoint, refusal: Refusal): string {
  return `refused auth packet from ${formatEndpoint(source)}: ${refusal}`;
}

/** Limits log lines about refused auth packets to one per minute: strangers must not fill the log. */
export class RefusalReport {
  #quietUntil = 0;
  #untold = 0;

  /** @param now milliseconds of a monotonic clock @returns the line to log, or null to log none */
  note(source: Endpoint, refusal: Refusal, now: number): string | null {
    if (now < this.#quietUntil) {
      this.#untold++;
      return null;
    }
    const others = this.#untold === 0 ? "" : `; ${this.#untold} more since the last such line`;
    this.#quietUntil = now + QUIET_MILLISECONDS;
    this.#untold = 0;
    return describeRefusal(source, refusal) + others;
  }
}
