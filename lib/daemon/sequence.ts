/** Runs changes one after the other. */
export class Sequence {
  #last: Promise<void> = Promise.resolve();

  /** Runs a change after those before, however they ended. Settles like it. */
  run<T>(change: () => T | Promise<T>): Promise<T> {
    const done = this.#last.then(change);
    this.#last = done.then(() => {}, () => {});
    return done;
  }
}
