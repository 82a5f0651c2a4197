import { EXIT, IpipouError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { LogEvent } from "../log_events.ts";
import { CLAMP } from "./clamp_rules.ts";
import type { Wanted } from "./desired.ts";
import { HINT } from "./hint_rules.ts";

/** How much of nft one instance needs, and how much of it can be used here, as far as is known. */
export class NftUse {
  readonly #log: Log;
  #mode: "needed" | "if-usable" | "none";
  /** Whether segment sizes can be changed. */
  #canClamp = true;
  /** Whether there can be a set of hints. */
  #canHint = true;

  /** @param isNeeded whether nothing goes without a gate */
  constructor(isNeeded: boolean, log: Log) {
    this.#log = log;
    this.#mode = isNeeded ? "needed" : "if-usable";
  }

  /** How to look at its table: see `LookOptions`. */
  get mode(): "needed" | "if-usable" | "none" {
    return this.#mode;
  }

  /** A gate stands: even a client needs it from here on. */
  need(): void {
    this.#mode = "needed";
  }

  /** What was refused is worth another try. */
  retry(): void {
    this.#canClamp = true;
    this.#canHint = true;
  }

  /** What of this was not seen to be refused. */
  possible({ settings, hints, ...wanted }: Wanted): Wanted {
    return {
      ...wanted,
      settings: this.#canClamp ? settings : { ...settings, mssClamp: null },
      ...this.#canHint && hints !== undefined ? { hints } : {},
    };
  }

  /**
   * Applies again, without what the kernel or nft cannot do, if it is not needed.
   *
   * @param error what the first attempt failed with
   * @throws the error if it is about anything else
   */
  async goOnWithout<T>(error: unknown, apply: () => Promise<T>): Promise<T> {
    if (!(error instanceof IpipouError) || error.exitCode !== EXIT.nft) throw error;
    if (error.message.includes(CLAMP)) {
      // A kernel that cannot change segment sizes must have its gate all the same.
      this.#canClamp = false;
      const event: LogEvent = { event: "limited", lacks: "mss-clamp" };
      this.#log.warning(`${error.message}: going on without --tunl-mss-clamp, until the next reload`, event);
      return await apply();
    }
    if (error.message.includes(HINT) && this.#canHint) {
      this.#canHint = false;
      this.#log.warning(
        `${error.message}: going on without a limit for hints, so that a flood can keep new clients out, until the next reload`,
        { event: "limited", lacks: "hint-limit" },
      );
      return await apply();
    }
    if (this.#mode !== "if-usable") throw error;
    const event: LogEvent = { event: "limited", lacks: "gate" };
    this.#log.warning(`${error.message}: going on without a gate, until the next reload or repair`, event);
    this.#mode = "none";
    try {
      return await apply();
    } finally {
      this.#mode = "if-usable";
    }
  }
}
