import { reasonOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Clock, StateFile } from "../ports.ts";

/** Least milliseconds between two writes. */
const PAUSE_MILLISECONDS = 1_000;

/** What is to be kept in a file. */
export interface Content {
  /** Differs whenever the text does. */
  readonly changes: number;
  /** When this grows, the text is written without a pause. */
  readonly urgency: number;
  /** @param isLast whether nothing will change after this */
  format(isLast: boolean): string;
}

/** Keeps a file up to date, mostly once a second at most. */
export class SteadyFile {
  readonly #file: StateFile;
  readonly #content: Content;
  /** What it means that it cannot be written. */
  readonly #loss: string;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Of what was written last. */
  #written: number;
  #urgency: number;
  #canWrite = true;
  /** Whether it waits for a change, and not for the end of a pause. */
  #isIdle = false;
  #woken = new AbortController();

  constructor(file: StateFile, content: Content, loss: string, clock: Clock, log: Log) {
    this.#file = file;
    this.#content = content;
    this.#loss = loss;
    this.#clock = clock;
    this.#log = log;
    this.#written = content.changes;
    this.#urgency = content.urgency;
  }

  get isChanged(): boolean {
    return this.#content.changes !== this.#written;
  }

  /** The content may have changed. */
  update(): void {
    const isUrgent = this.#content.urgency > this.#urgency;
    if (this.isChanged && (this.#isIdle || isUrgent)) this.#woken.abort();
  }

  /** Writes changes until told to stop. */
  async keep(stop: AbortSignal): Promise<void> {
    let pauseEnd = this.#clock.now();
    while (!stop.aborted) {
      this.#woken = new AbortController();
      const { isChanged } = this;
      if (isChanged && (this.#content.urgency > this.#urgency || this.#clock.now() >= pauseEnd)) {
        await this.write(false);
        pauseEnd = this.#clock.now() + PAUSE_MILLISECONDS;
      } else {
        this.#isIdle = !isChanged;
        await this.#clock.waitUntil(isChanged ? pauseEnd : null, stop, this.#woken.signal);
        this.#isIdle = false;
      }
    }
  }

  /** @param isLast whether nothing will change after this */
  async write(isLast: boolean): Promise<void> {
    this.#written = this.#content.changes;
    this.#urgency = this.#content.urgency;
    try {
      await this.#file.write(this.#content.format(isLast));
      this.#canWrite = true;
    } catch (error) {
      const line = `Cannot write ${this.#file.path}: ${reasonOf(error)}; ${this.#loss}`;
      if (this.#canWrite) this.#log.warning(line, { event: "state-lost", path: this.#file.path });
      this.#canWrite = false;
    }
  }
}
