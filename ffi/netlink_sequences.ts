/** Sequence numbers of netlink have 32 bits, and those of messages of the kernel's own accord are 0. */
const END = 2 ** 32;

/** Numbers requests, so that their answers are told from others. After the last number comes the first again. */
export class Sequences {
  #next: number;

  /** @param first what to begin with: at least 1 */
  constructor(first = 1) {
    this.#next = first;
  }

  /** Takes numbers that follow each other. @returns the first of them */
  take(count: number): number {
    if (this.#next + count > END) this.#next = 1;
    const first = this.#next;
    this.#next += count;
    return first;
  }
}
