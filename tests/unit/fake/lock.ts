/** What can hold the lock: a process, or a program that it started. */
type Holder = object;

interface Taker {
  readonly holder: Holder;
  readonly grant: () => void;
}

/** The lock on a network namespace. One process holds it at a time, with the programs it starts; others queue. */
export class FakeLock {
  readonly #holders = new Set<Holder>();
  #takers: Taker[] = [];

  get isTaken(): boolean {
    return this.#holders.size > 0;
  }

  /** How many wait for the lock. */
  get waiting(): number {
    return this.#takers.length;
  }

  /** Waits for the lock and takes it. @param owner the process that takes it */
  async take(owner: Holder): Promise<Disposable> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#takers.push({ holder: owner, grant: resolve });
    this.#grantNext();
    await promise;
    return { [Symbol.dispose]: () => this.leave(owner) };
  }

  /** Makes a program hold the lock too, if its process does. */
  join(owner: Holder, program: Holder): void {
    if (this.#holders.has(owner)) this.#holders.add(program);
  }

  /** Releases the lock for this holder. */
  leave(holder: Holder): void {
    this.#holders.delete(holder);
    this.#grantNext();
  }

  /** Releases the lock and stops waiting for it, as when a process ends. */
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
