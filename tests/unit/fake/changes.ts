import type { KernelChange } from "../../../lib/ports.ts";

/** A change of the fake kernel; of nftables, by the tables that one transaction touched. */
export type FakeChange =
  | Exclude<KernelChange, { kind: "table" | "unknown" }>
  | { readonly kind: "nft"; readonly tables: ReadonlySet<string> };

/** Who wants to hear of changes. */
export class Changes {
  readonly #listeners = new Set<(change: FakeChange) => void>();

  /** @returns ends it */
  listen(listener: (change: FakeChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(change: FakeChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
