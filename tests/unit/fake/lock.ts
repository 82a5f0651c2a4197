/** Someone who can hold a lock: a process, or a program that one started. */
type Holder = object;

interface Taker {
  readonly holder: Holder;
  readonly grant: () => void;
}

/** The lock on a network namespace: one has it at a time, with the programs started meanwhile; others queue. */
export class FakeLock {
  readonly #holders = new Set<Holder>();
  #takers: Taker[] = [];

  get isTaken(): boolean {
    return this.#holders.size > 0;
  }

  /** Those that wait for it. */
  get waiting(): number {
    return this.#takers.length;
  }

  /** Waits for it, and takes it. @param owner whom `forget()` may name */
  async take(owner: Holder): Promise<Disposable> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#takers.push({ holder: owner, grant: resolve });
    this.#grantNext();
    await promise;
    return { [Symbol.dispose]: () => this.leave(owner) };
  }

  /** Has a program hold it too, if its process does. */
  join(owner: Holder, program: Holder): void {
    if (this.#holders.has(owner)) this.#holders.add(program);
  }

  /** Holds it no longer. */
  leave(holder: Holder): void {
    this.#holders.delete(holder);
    this.#grantNext();
  }

  /** Neither holds it nor waits for it any longer, as a process that ends. */
  forget(owner: Holder): void {
    this.#takers = this.#takers.filter(({ holder }) => holder !== owner);
    this.leave(owner);
  }

  #grantNext(): void {
    if (this.#holders.size > 0) return;
    const next = this.#takers.shift();
    if (next === undefined) return;
    this.#holders.add(next.holder);
    next.grant();
  }
}
