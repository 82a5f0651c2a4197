import { reasonOf } from "./errors.ts";
import type { LogEvent } from "./log_events.ts";
import type { Clock } from "./ports.ts";

/** Characters that may wait: a hub may tell of 4,096 clients in one go. */
const MOST_WAITING = 4 * 1024 * 1024;
/** Characters that are written at once, if more than one line waits. */
const MOST_AT_ONCE = 64 * 1024;
/** Milliseconds after which a stream that takes nothing, and says so instead of waiting, is tried again. */
const PAUSE_MILLISECONDS = 500;
const NEWLINE = 10;
const NOBODY_READS = "nobody read this log for too long";

/** Where bytes go, such as `Deno.stderr`. */
interface Stream {
  /** @returns how many of the bytes were written; rejects when none can be */
  write(bytes: Uint8Array): Promise<number>;
}

/** Lines that are lost, in place of them. */
interface Loss {
  lines: number;
  readonly why: string;
}

/**
 * Writes lines in their order, and never makes the program wait: a pipe whose reader has stopped must not stop a tunnel.
 * A line that comes while too much waits, or that cannot be written, is lost and counted; a line in its place says so.
 */
export class LogOutput {
  /** Makes a line of a log, without its end, from a warning. */
  formatWarning: (message: string, event: LogEvent) => string = (message) => message;
  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #waiting: (string | Loss)[] = [];
  /** Characters of what waits. */
  #size = 0;
  /** Resolves when nothing can be written any more for now; null: that is so. */
  #writing: Promise<void> | null = null;
  /** Whether the line before was written only in part. */
  #isCut = false;

  constructor(stream: Stream, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
  }

  /** @param line without its end */
  write(line: string): void {
    const last = this.#waiting.at(-1);
    if (this.#writing !== null && typeof last === "object") last.lines++;
    else if (this.#size + line.length > MOST_WAITING) this.#waiting.push({ lines: 1, why: NOBODY_READS });
    else {
      this.#waiting.push(line);
      this.#size += line.length;
    }
    this.#writing ??= this.#drain();
  }

  /** Resolves when nothing waits any more, or after so many milliseconds. */
  async flush(milliseconds: number): Promise<void> {
    if (this.#writing === null) return;
    const done = new AbortController();
    this.#writing.then(() => done.abort());
    await this.#clock.waitUntil(this.#clock.now() + milliseconds, done.signal);
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const entries = this.#take();
      const texts = entries.map((entry) => typeof entry === "string" ? entry : this.#describe(entry));
      const bytes = new TextEncoder().encode(`${this.#isCut ? "\n" : ""}${texts.join("\n")}\n`);
      let done = this.#isCut ? -1 : 0;
      try {
        for (let start = 0; start < bytes.length;) {
          const end = start + await this.#write(bytes.subarray(start));
          for (; start < end; start++) if (bytes[start] === NEWLINE) done++;
          this.#isCut = bytes[end - 1] !== NEWLINE;
        }
      } catch (error) {
        this.#lose(entries.slice(Math.max(0, done)), reasonOf(error));
        break;
      }
    }
    this.#writing = null;
  }

  /** Takes the next of what waits: some lines at once, as each write costs the change to another thread and back. */
  #take(): (string | Loss)[] {
    let [count, size] = [0, 0];
    for (const entry of this.#waiting) {
      size += typeof entry === "string" ? entry.length : 0;
      if (count > 0 && size > MOST_AT_ONCE) break;
      if (typeof entry === "string") this.#size -= entry.length;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** @returns how many of the bytes were written */
  async #write(bytes: Uint8Array): Promise<number> {
    while (true) {
      try {
        return await this.#stream.write(bytes);
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) throw error;
        // Whoever shares the stream has told it not to wait.
        await this.#clock.waitUntil(this.#clock.now() + PAUSE_MILLISECONDS);
      }
    }
  }

  /** What waits would most likely fail like what is before it. The next line will be tried again. */
  #lose(failed: readonly (string | Loss)[], why: string): void {
    const lost = [...failed, ...this.#waiting].map((entry) => typeof entry === "string" ? 1 : entry.lines);
    this.#waiting.splice(0, Infinity, { lines: lost.reduce((a, b) => a + b), why });
    this.#size = 0;
  }

  #describe({ lines, why }: Loss): string {
    const line = `${lines === 1 ? "1 line is" : `${lines} lines are`} missing here: ${why}`;
    return this.formatWarning(line, { event: "lines-lost", count: lines });
  }
}
