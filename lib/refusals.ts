import { type Endpoint, formatEndpoint } from "./packet.ts";

/** Why an auth packet was refused, from entirely wrong to nearly right. */
const REFUSALS = [
  "to a port no longer used",
  "not from an address of another host",
  "wrong length",
  "not an extension of a known form",
  "wrong token",
  "too many unknown senders",
  "wrong signature",
  "wrong remote address",
  "wrong remote port",
  "time too far from ours",
  "repeated",
  "older than one accepted before",
  "overtaken by a later one",
  "moved too recently",
  "a good-bye, which could be a repeated one",
  "a good-bye from where its peer is not",
  "another peer is there",
] as const;

/** Why an auth packet was refused. */
export type Refusal = typeof REFUSALS[number];

/** The refusal that is nearer to an admission: the one to log when several apply. */
export function closerRefusal(a: Refusal, b: Refusal): Refusal {
  return REFUSALS.indexOf(a) < REFUSALS.indexOf(b) ? b : a;
}

/** Minimum milliseconds between two log lines about refused auth packets. */
const QUIET_MILLISECONDS = 60_000;

/** The log line of a refusal. */
export function describeRefusal(source: Endpoint, refusal: Refusal): string {
  return `refused auth packet from ${formatEndpoint(source)}: ${refusal}`;
}

/** Limits the log to one refusal a minute: strangers must not fill it. */
export class RefusalReport {
  #quietUntil = 0;
  #untold = 0;

  /** @param now milliseconds of `Clock.now()` @returns the line to log, or null while it is quiet */
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
