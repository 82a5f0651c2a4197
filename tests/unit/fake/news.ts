import type { KernelChange, KernelNews } from "../../../lib/ports.ts";
import type { Changes, FakeChange } from "./changes.ts";

/** What a kernel in memory tells of its changes. */
export class FakeNews implements KernelNews {
  readonly #table: string | null;
  readonly #stopListening: () => void;
  #changes: KernelChange[] = [];
  #wake: (() => void) | null = null;
  /** Commands that room was made for last; 0: for none. */
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

  /** More happened than was kept: what was not read yet is lost. */
  overflow(): void {
    this.#changes = [];
    this.#add({ kind: "unknown" });
  }

  /** Its process is killed. */
  abandon(): void {
    this.#stopListening();
    this.#wake = null;
  }

  [Symbol.dispose](): void {
    this.#stopListening();
  }

  #hear(change: FakeChange): void {
    if (change.kind !== "nft") this.#add(change);
    else if (this.#table !== null && change.tables.has(this.#table)) this.#add({ kind: "table" });
  }

  #add(change: KernelChange): void {
    this.#changes.push(change);
    this.#wake?.();
  }
}
