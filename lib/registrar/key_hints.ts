import { signedTime } from "../auth/ed25519.ts";
import { epochOf, hintIn, keyHint } from "../auth/hint.ts";
import type { Credential } from "./credentials.ts";

/** Epochs that a sender's clock may be off for its hint to be understood. */
const MOST_EPOCHS_OFF = 1;

/** Finds keys by the hints in packets. */
export class KeyHints {
  readonly #keys: readonly Credential[];
  /** By epoch, then by hint; of epochs near now alone, made when first asked for. */
  readonly #epochs = new Map<number, ReadonlyMap<number, readonly Credential[]>>();

  constructor(keys: readonly Credential[]) {
    this.#keys = keys;
  }

  /**
   * The keys that a payload in the signed form hints at. None where its time is far from ours, so that strangers'
   * times never have more hints worked out than the clock does.
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
    const hints = this.#epochs.get(epoch) ?? this.#workOut(epoch);
    this.#epochs.set(epoch, hints);
    return hints.get(hintIn(payload)) ?? [];
  }

  #workOut(epoch: number): ReadonlyMap<number, readonly Credential[]> {
    return Map.groupBy(this.#keys, ({ key }) => keyHint(key!.publicKey, key!.secret, epoch));
  }
}
