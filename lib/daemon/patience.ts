import type { Outcome } from "../registrar/outcome.ts";

/** Turns in a row that may find no peer's key. Of a thousand clients that all come at once, one is found in some thirty. */
const MOST_FRUITLESS = 256;
/** Milliseconds to pause for each of a turn. */
const PAUSES = { usual: 1, urgent: 7, inVain: 15 } as const;

/**
 * Says what share of the time searches for keys get, which strangers can cause: half; an eighth while peers wait to be let
 * in; a sixteenth while nothing but junk comes, so that on a host with one processor the data of peers has the rest.
 */
export class Patience {
  #fruitless = 0;

  /** A turn of a search was taken. @param ended what came of the searches that it ended */
  note(ended: readonly Outcome[]): void {
    const isFruitless = ended.every((outcome) => outcome.kind === "refused" && outcome.peer === undefined);
    this.#fruitless = isFruitless ? this.#fruitless + 1 : 0;
  }

  /** Milliseconds to pause for each of a turn. @param isUrgent whether peers wait to be let in */
  pauses(isUrgent: boolean): number {
    if (this.#fruitless >= MOST_FRUITLESS) return PAUSES.inVain;
    return isUrgent ? PAUSES.urgent : PAUSES.usual;
  }
}
