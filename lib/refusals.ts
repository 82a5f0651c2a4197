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
  "a question, which could be a repeated one",
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

/**
 * Limits the log to one refusal a minute and a line for all others of that minute: strangers must not fill it. What it
 * keeps does not depend on how many there are.
 */
export class RefusalTally {
  readonly #counts = new Map<Refusal, number>();
  #last: Endpoint | null = null;
  #quietUntil = 0;

  /** When `sum()` has something to tell, milliseconds of `Clock.now()`; null: nothing was kept back. */
  get due(): number | null {
    return this.#counts.size === 0 ? null : this.#quietUntil;
  }

  /** @param now milliseconds of `Clock.now()` @returns the line to log, or null: it is counted */
  note(source: Endpoint, refusal: Refusal, now: number): string | null {
    if (now >= this.#quietUntil && this.#counts.size === 0) {
      this.#quietUntil = now + QUIET_MILLISECONDS;
      return describeRefusal(source, refusal);
    }
    this.#counts.set(refusal, (this.#counts.get(refusal) ?? 0) + 1);
    this.#last = source;
    return null;
  }

  /** Sums up what was kept back. Call it when it is due. @returns the line to log, and what is in it */
  sum(now: number): { line: string; remote: string; count: number; why: string } {
    const counts = [...this.#counts].sort(([, a], [, b]) => b - a);
    const count = counts.reduce((sum, [, count]) => sum + count, 0);
    const why = counts.map(([refusal, count]) => `${count} ${refusal}`).join(", ");
    const remote = formatEndpoint(this.#last!);
    this.#counts.clear();
    this.#quietUntil = now + QUIET_MILLISECONDS;
    const packets = count === 1 ? "auth packet" : "auth packets";
    const line = `refused ${count} more ${packets} in a minute: ${why}; the last from ${remote}`;
    return { line, remote, count, why };
  }
}

/** Limits the log to one refusal a minute, with the number of those before. */
export class RefusalReport {
  #quietUntil = 0;
  #untold = 0;

  /** @param now milliseconds of `Clock.now()` @returns the line to log, for how many; or null while it is quiet */
  note(source: Endpoint, refusal: Refusal, now: number): { line: string; count: number } | null {
    if (now < this.#quietUntil) {
      this.#untold++;
      return null;
    }
    const count = this.#untold + 1;
    const others = this.#untold === 0 ? "" : `; ${this.#untold} more since the last such line`;
    this.#quietUntil = now + QUIET_MILLISECONDS;
    this.#untold = 0;
    return { line: describeRefusal(source, refusal) + others, count };
  }
}
