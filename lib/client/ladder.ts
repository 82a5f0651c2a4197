/** What a client does about silence besides authenticating again. */
export type Step =
  /** Looks its server's name up again. */
  | "resolve"
  /** Goes on to the next server. */
  | "remote"
  /** Goes to another local UDP port, as a NAT may keep a dead way for the one it has, as long as something is sent. */
  | "port";

/** Chooses what to do, the longer silence lasts. */
export class Ladder {
  readonly #steps: readonly Step[];
  #misses = 0;

  /** @param steps those that are possible, in their order */
  constructor(steps: readonly Step[]) {
    this.#steps = steps;
  }

  /** Whether the last step was taken before in this silence. */
  get isRepeated(): boolean {
    return this.#misses > this.#steps.length + 1;
  }

  /** An answer is missing. @returns the step to take; null: only authenticate again, as for the first one */
  miss(): Step | null {
    const step = this.#misses === 0 ? null : this.#steps[(this.#misses - 1) % this.#steps.length] ?? null;
    this.#misses++;
    return step;
  }

  reset(): void {
    this.#misses = 0;
  }
}
