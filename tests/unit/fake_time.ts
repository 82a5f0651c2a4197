import { setImmediate } from "node:timers";

/** Turns of the event loop that something may take that waits for nothing else. */
const MOST_TURNS = 8;

/** A clock in place of the real one, for the caller's scope: time passes only when it is told to. */
export class FakeTime implements Disposable {
  readonly #real = { setTimeout, clearTimeout, setInterval, clearInterval, unix: Date.now };
  readonly #realMonotonic = performance.now;
  readonly #timers = new Map<number, { readonly at: number; readonly call: () => void }>();
  #now: number;
  #lastId = 0;

  constructor(now = 1_795_219_200_000) {
    this.#now = now;
    Object.assign(globalThis, {
      setTimeout: (call: () => void, delay: number) => this.#add(call, this.#now + delay),
      setInterval: (call: () => void) => this.#add(call, Infinity),
      clearTimeout: (id: number) => this.#timers.delete(id),
      clearInterval: (id: number) => this.#timers.delete(id),
    });
    Date.now = () => this.#now;
    performance.now = () => this.#now;
  }

  /** Timers that have neither fired nor been cleared. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets so many milliseconds pass, firing what is due at its time, and lets what waited for it run. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await this.#yield();
    while (true) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at);
      if (next === undefined || next[1].at > end) break;
      const [id, { at, call }] = next;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, at);
      call();
      await this.#yield();
    }
    this.#now = end;
  }

  /** Lets everything run that waits for nothing but its turn. */
  settle(): Promise<void> {
    return this.advance(0);
  }

  [Symbol.dispose](): void {
    const { unix, ...timers } = this.#real;
    Object.assign(globalThis, timers);
    Date.now = unix;
    performance.now = this.#realMonotonic;
  }

  async #yield(): Promise<void> {
    await new Promise((resolve) => this.#real.setTimeout.call(globalThis, resolve, 0));
    // A process that was held up may have had no turn until then.
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      await new Promise<void>((resolve) => setImmediate(() => resolve()));
    }
  }

  #add(call: () => void, at: number): number {
    this.#timers.set(++this.#lastId, { at, call });
    return this.#lastId;
  }
}
