import { setImmediate } from "node:timers";
import type { Clock } from "../../../lib/ports.ts";

/** More waits than this at one moment mean that something waits for the same moment in a loop. */
const MOST_FIRINGS_AT_ONCE = 100_000;
/** How many aborted waits may stay in the heap before it is rebuilt. */
const FEW = 64;

interface Wait {
  readonly moment: number;
  /** Of two waits for the same moment, the one that began first fires first. */
  readonly order: number;
  /** Null if it was aborted. */
  fire: (() => void) | null;
}

/** A clock that moves only by `advance()`. Its Unix time can be set, like that of a real system. */
export class VirtualClock implements Clock {
  #now: number;
  #unixOffset: number;
  #heap: Wait[] = [];
  #aborted = 0;
  #pending = 0;
  #lastOrder = 0;
  /** Called whenever the Unix time is set. */
  readonly onSet = new Set<() => void>();

  /** @param unixTime Unix seconds at the start @param now milliseconds of the monotonic clock at the start */
  constructor(unixTime = 1_795_219_200, now = 1_000_000) {
    this.#now = now;
    this.#unixOffset = unixTime * 1000 - now;
  }

  now(): number {
    return this.#now;
  }

  unixTime(): number {
    return Math.floor((this.#now + this.#unixOffset) / 1000);
  }

  /** Sets the Unix time, in seconds; `now()` does not move. */
  setUnixTime(seconds: number): void {
    this.#unixOffset = seconds * 1000 - this.#now;
    for (const tell of this.onSet) tell();
  }

  /** Moves the Unix time by so many seconds; `now()` does not move. */
  jump(seconds: number): void {
    this.#unixOffset += seconds * 1000;
    if (seconds !== 0) { for (const tell of this.onSet) tell(); }
  }

  /** How many waits have neither fired nor been aborted, including those without a moment. */
  get pending(): number {
    return this.#pending;
  }

  /** The moment of the next wait; null if nothing waits for a moment. */
  get next(): number | null {
    return this.#top()?.moment ?? null;
  }

  waitUntil(moment: number | null, ...signals: readonly AbortSignal[]): Promise<void> {
    if (signals.some(({ aborted }) => aborted)) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const finish = () => {
      for (const signal of signals) signal.removeEventListener("abort", abort);
      this.#pending--;
      wait.fire = null;
      resolve();
    };
    const abort = () => {
      finish();
      if (moment !== null) this.#forgetAborted();
    };
    // What waits for a moment that has come goes behind all that waits for now.
    const due = Math.max(moment ?? Infinity, this.#now);
    const wait: Wait = { moment: due, order: ++this.#lastOrder, fire: finish };
    for (const signal of signals) signal.addEventListener("abort", abort);
    this.#pending++;
    if (moment !== null) this.#push(wait);
    return promise;
  }

  /** Moves the clock. Each wait fires at its moment, and the code that waited runs before the next wait fires. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    let firings = 0;
    await this.settle();
    for (let wait = this.#top(); wait !== undefined && wait.moment <= end; wait = this.#top()) {
      this.#pop();
      if (wait.moment > this.#now) firings = 0;
      if (++firings > MOST_FIRINGS_AT_ONCE) throw new Error(`Time stands still at ${this.#now}`);
      this.#now = Math.max(this.#now, wait.moment);
      wait.fire!();
      await this.settle();
    }
    this.#now = end;
  }

  /** Runs everything that is ready to run now. */
  async settle(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** The next wait that is not aborted. */
  #top(): Wait | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.fire === null) {
      this.#pop();
      this.#aborted--;
    }
    return this.#heap[0];
  }

  #forgetAborted(): void {
    if (++this.#aborted < FEW || this.#aborted * 2 < this.#heap.length) return;
    const waits = this.#heap.filter(({ fire }) => fire !== null);
    this.#heap = waits.sort((a, b) => isBefore(a, b) ? -1 : 1);
    this.#aborted = 0;
  }

  #push(wait: Wait): void {
    const heap = this.#heap;
    let at = heap.push(wait) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(wait, heap[parent]!); parent = (at - 1) >> 1) {
      heap[at] = heap[parent]!;
      heap[at = parent] = wait;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let at = 0;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const least = right < heap.length && isBefore(heap[right]!, heap[left]!) ? right : left;
      if (least >= heap.length || !isBefore(heap[least]!, last)) return;
      heap[at] = heap[least]!;
      heap[at = least] = last;
    }
  }
}

function isBefore(a: Wait, b: Wait): boolean {
  return a.moment < b.moment || a.moment === b.moment && a.order < b.order;
}
