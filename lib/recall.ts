/** Remembers, from one round to the next, what was made of what. */
export class Recall<V> {
  #last: ReadonlyMap<string, V> = new Map();
  #now = new Map<string, V>();

  /** Works once; what it does not ask for is forgotten, unless it throws: then what the round before it made stays. */
  round<T>(work: () => T): T {
    this.#now = new Map();
    const result = work();
    this.#last = this.#now;
    return result;
  }

  /** What was made under this key in this round or the one before, else what `make` makes now. */
  get(key: string, make: () => V): V {
    const value = this.#now.get(key) ?? this.#last.get(key) ?? make();
    this.#now.set(key, value);
    return value;
  }
}
