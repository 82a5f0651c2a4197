import { type Endpoint, formatEndpoint } from "./packet.ts";

/** Milliseconds between two lines about refused auth packets. */
const QUIET_MILLISECONDS = 60_000;

/** Words a refusal. */
export function describeRefusal(source: Endpoint, refusal: string): string {
  return `refused auth packet from ${formatEndpoint(source)}: ${refusal}`;
}

/** Words the log's lines about refused auth packets, a line a minute: strangers must not fill the log. */
export class RefusalReport {
  #quietUntil = 0;
  #untold = 0;

  /** @param now milliseconds of a clock that never jumps @returns the line to log, or null while it is quiet */
  note(source: Endpoint, refusal: string, now: number): string | null {
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
