import { signedTime } from "../auth/ed25519.ts";
import { epochOf, hintIn, keyHint } from "../auth/hint.ts";
import type { Credential } from "./credentials.ts";

/** Epochs by which a sender's clock may be off for its hint to count. */
const MOST_EPOCHS_OFF = 1;

/** Finds keys by the hints in auth packets. */
export class KeyHints {
  readonly #keys: readonly Credential[];
  /** By epoch, then by hint; only for epochs near now, computed when first needed. */
  readonly #epochs = new Map<number, ReadonlyMap<number, readonly Credential[]>>();

  constructor(keys: readonly Credential[]) {
    this.#keys = keys;
  }

  /**
   * The keys that a signed payload hints at. None when its time is far from ours, so that times that strangers make up
   * cost no computation of hints.
   *
   * @param timestamp our Unix seconds
   */
  find(payload: Uint8Array, timestamp: number): readonly Credential[] {
    const epoch = epochOf(signedTime(payload));
    const now = epochOf(timestamp);
    if (Math.abs(epoch - now) > MOST_EPOCHS_OFF) return [];
    for (const old of this.#epochs.keys()) {
      if (Math.abs(old - now) > MOST_EPOCHS_OFF) this.#epochs.delete(old);
    }
    const hints = this.#epochs.get(epoch) ??
      Map.groupBy(this.#keys, ({ key }) => keyHint(key!.publicKey, key!.secret, epoch));
    this.#epochs.set(epoch, hints);
    return hints.get(hintIn(payload)) ?? [];
  }
}
