/** A queue of limited length for one reader at a time. Items that do not fit are dropped. */
export class Mailbox<T> {
  #limit: number;
  #items: T[] = [];
  #wake: (() => void) | null = null;
  #error: Error | null = null;
  #isClosed = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get length(): number {
    return this.#items.length;
  }

  /** Changes the limit. Items that are already queued stay. */
  resize(limit: number): void {
    this.#limit = limit;
  }

  /** @returns whether there was room */
  put(item: T): boolean {
    if (this.#isClosed || this.#items.length >= this.#limit) return false;
    this.#items.push(item);
    this.#wake?.();
    return true;
  }

  /** Makes the reader throw an error, once. */
  fail(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }

  close(): void {
    this.#isClosed = true;
    this.#wake?.();
  }

  /** Delivers nothing any more, not even the end. */
  abandon(): void {
    this.#isClosed = true;
    this.#wake = null;
  }

  /** Yields items until the mailbox is closed or `signal` is aborted. */
  async *read(signal?: AbortSignal): AsyncGenerator<T, void, void> {
    const wake = () => this.#wake?.();
    signal?.addEventListener("abort", wake);
    try {
      while (!this.#isClosed && !signal?.aborted) {
        const error = this.#error;
        this.#error = null;
        if (error !== null) throw error;
        if (this.#items.length > 0) yield this.#items.shift()!;
        else await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      signal?.removeEventListener("abort", wake);
    }
  }
}
