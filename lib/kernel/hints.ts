import { EPOCH_SECONDS, epochOf, keyHint } from "../auth/hint.ts";
import type { Clock } from "../ports.ts";
import type { Peer } from "../settings/settings.ts";
import { hintKey } from "./state.ts";

/** The hints that the gate lets pass by limits of their own. */
export interface GoodHints {
  /** By `hintKey`. */
  readonly keys: ReadonlySet<string>;
  /** Number of the netfilter queue that their packets go to. */
  readonly queue: number;
}

/** Seconds by which a client's clock may differ from ours for its hint to be known to the gate. */
const TOLERANCE_SECONDS = EPOCH_SECONDS / 2;

/** The hints that clients may give now: those of this epoch, and of the last or next one, whichever is nearer. */
export class Hints {
  readonly #clock: Clock;
  #peers: readonly Peer[] = [];
  #epoch = -1;
  #keys: ReadonlySet<string> = new Set();
  #due: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** When to check whether there are others, in milliseconds of `Clock.now()`; null: never, as nobody gives hints. */
  get due(): number | null {
    return this.#due;
  }

  /**
   * Whether there are others by now. That may be earlier than was due, or later: the clock was set.
   *
   * @param now milliseconds of `Clock.now()`
   * @param unixTime seconds of `Clock.unixTime()`
   */
  check(now: number, unixTime: number): boolean {
    if (this.#due === null) return false;
    if (this.#due <= now) this.#setDue(now, unixTime);
    return this.#epoch !== latestEpoch(unixTime);
  }

  /** By `hintKey`. They are computed again only for other peers, or when they are old. */
  of(peers: readonly Peer[]): ReadonlySet<string> {
    const unixTime = this.#clock.unixTime();
    const epoch = latestEpoch(unixTime);
    if (peers !== this.#peers || epoch !== this.#epoch) {
      // A clock that was never set may be in the first of all.
      const epochs = [epoch - 1, epoch].filter((epoch) => epoch >= 0);
      this.#keys = new Set(epochs.flatMap((epoch) => hintsIn(epoch, peers)));
      [this.#peers, this.#epoch] = [peers, epoch];
      this.#setDue(this.#clock.now(), unixTime);
    }
    return this.#keys;
  }

  #setDue(now: number, unixTime: number): void {
    const left = (latestEpoch(unixTime) + 1) * EPOCH_SECONDS - TOLERANCE_SECONDS - unixTime;
    this.#due = this.#keys.size === 0 ? null : now + left * 1000;
  }
}

/** The latest epoch that a client may be in. */
function latestEpoch(unixTime: number): number {
  return epochOf(unixTime + TOLERANCE_SECONDS);
}

function hintsIn(epoch: number, peers: readonly Peer[]): string[] {
  return peers.flatMap(({ scheme }) =>
    scheme.kind === "ed25519" && scheme.remotePublicKey !== null
      ? hintKey(epoch, keyHint(scheme.remotePublicKey, scheme.secret, epoch))
      : []
  );
}
