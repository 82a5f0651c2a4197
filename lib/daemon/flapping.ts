import { type Admission, isSamePlace } from "../admission.ts";

/** Moves back within this time, in milliseconds, belong together; so often at most they are told. */
export const FLAPPING_PERIOD = 60_000;
/** So many moves in a row to where the peer was before are no coincidence. */
const MANY = 3;

/** What to say of a move: itself, nothing, or how often the peer went back and forth since that was said. */
export type Telling = "move" | "nothing" | { readonly moves: number };

interface History {
  /** Where it was before its last move. */
  before: Admission;
  /** When it moved last, in milliseconds of `Clock.now()`. */
  at: number;
  /** Moves in a row to where it was before. */
  returns: number;
  /** When the back and forth was told last; null: it was not. */
  toldAt: number | null;
  /** Moves since. */
  untold: number;
}

/** Finds peers that move back and forth between two places, as when one key is in use on two machines. */
export class Flapping {
  readonly #histories = new Map<string, History>();

  /** A peer moved. @param now milliseconds of `Clock.now()` */
  note(peer: string, from: Admission, to: Admission, now: number): Telling {
    const last = this.#histories.get(peer);
    const isReturn = last !== undefined && isSamePlace(last.before, to) && now - last.at < FLAPPING_PERIOD;
    const history = isReturn ? last : { returns: 0, toldAt: null, untold: 0, before: from, at: now };
    if (isReturn) {
      Object.assign(history, { before: from, at: now, returns: last.returns + 1, untold: last.untold + 1 });
    }
    this.#histories.set(peer, history);
    if (history.returns < MANY) return "move";
    if (history.toldAt !== null && now - history.toldAt < FLAPPING_PERIOD) return "nothing";
    const moves = history.untold;
    Object.assign(history, { toldAt: now, untold: 0 });
    return { moves };
  }

  /** Forgets a peer that is not at a place any more. */
  forget(peer: string): void {
    this.#histories.delete(peer);
  }
}
