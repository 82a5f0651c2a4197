/** What a client does about silence besides authenticating again. */
export type Step =
  /** Looks its server's name up again. */
  | "resolve"
  /** Goes on to another of its servers. */
  | "remote"
  /** Goes to another local UDP port, as a NAT may keep a dead way for the one it has, as long as something is sent. */
  | "port";

/** What to do about an answer that is missing. */
export interface Attempt {
  /** Steps to try, in this order. */
  readonly steps: readonly Step[];
  /** How many attempts came before this one in the same silence. */
  readonly count: number;
  /** Whether everything that can be done has been tried before in this silence. */
  readonly isRepeated: boolean;
}

/** Chooses what to do, the longer silence lasts. */
export class Ladder {
  readonly #steps: readonly Step[];
  readonly #isBlind: boolean;
  #misses = 0;

  /**
   * @param steps those that are possible, in their order
   * @param isBlind whether one is taken at a time, as nothing tells before where it leads
   */
  constructor(steps: readonly Step[], isBlind: boolean) {
    this.#steps = steps;
    this.#isBlind = isBlind;
  }

  /** An answer is missing. @returns null: only authenticate again, as for the first one */
  miss(): Attempt | null {
    const count = this.#misses++ - 1;
    if (count < 0 || this.#steps.length === 0) return null;
    const steps = this.#isBlind ? this.#inTurn(count) : this.#together(count);
    return { steps, count, isRepeated: count >= this.#steps.length };
  }

  reset(): void {
    this.#misses = 0;
  }

  /** A name that leads elsewhere is news; the other steps are guesses. */
  #inTurn(count: number): Step[] {
    const guesses = this.#steps.filter((step) => step !== "resolve");
    const guess = guesses.slice(count % guesses.length).slice(0, 1);
    return [...this.#steps.filter((step) => step === "resolve"), ...guess];
  }

  /** The same server by another way comes first. */
  #together(count: number): readonly Step[] {
    const others = this.#steps.filter((step) => step !== "remote");
    return count === 0 && others.length > 0 ? others : this.#steps;
  }
}
