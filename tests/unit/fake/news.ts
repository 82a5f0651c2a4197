import type { KernelChange, KernelNews } from "../../../lib/kernel_ports.ts";
import type { Changes, FakeChange } from "./changes.ts";

/** The notifications of a fake kernel about its changes. */
export class FakeNews implements KernelNews {
  readonly #table: string | null;
  readonly #stopListening: () => void;
  #changes: KernelChange[] = [];
  #wake: (() => void) | null = null;
  /** The argument of the last `makeRoom()`; 0 if there was none. */
  room = 0;

  constructor(changes: Changes, table: string | null) {
    this.#table = table;
    this.#stopListening = changes.listen((change) => this.#hear(change));
  }

  changes(): readonly KernelChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  async wait(stop: AbortSignal): Promise<void> {
    if (this.#changes.length > 0 || stop.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    stop.addEventListener("abort", resolve as () => void);
    await promise;
    stop.removeEventListener("abort", resolve as () => void);
    this.#wake = null;
  }

  makeRoom(commands: number): void {
    this.room = commands;
  }

  /** Loses all news that was not read yet, as when the buffer overflows. */
  overflow(): void {
    this.#changes = [];
    for (const  of of["others", "tables"] as const) this.#add({ kind: "unknown", of });
  }

  /** Called when its process is killed. */
  abandon(): void {
    this.#stopListening();
    this.#wake = null;
  }

  [Symbol.dispose](): void {
    this.#stopListening();
  }

  #hear(change: FakeChange): void {
    if (change.kind !== "nft") this.#add(change);
    else {
      const news = change.tables.get(this.#table ?? "");
      if (news !== undefined) this.#add(news);
    }
  }

  #add(change: KernelChange): void {
    this.#changes.push(change);
    this.#wake?.();
  }
}
