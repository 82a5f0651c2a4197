import type { KernelChange, TableChange } from "../../../lib/kernel_ports.ts";

/** A change of the fake kernel. For nftables, it has what one transaction changed, by table. */
export type FakeChange =
  | Exclude<KernelChange, { kind: "table" | "unknown" }>
  | { readonly kind: "nft"; readonly tables: ReadonlyMap<string, TableChange> };

/** The listeners for changes of a fake kernel. */
export class Changes {
  readonly #listeners = new Set<(change: FakeChange) => void>();

  /** @returns removes the listener */
  listen(listener: (change: FakeChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(change: FakeChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
