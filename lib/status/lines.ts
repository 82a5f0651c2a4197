import { EXIT, IpipouError } from "../errors.ts";
import type { Clock, StatusConnection } from "../ports.ts";

const CHUNK = 4_096;
const NEWLINE = 10;
const LATE = Symbol();

/** Reads lines from a connection, of which it keeps no more than one and what came with it. */
export class LineReader {
  readonly #connection: Pick<StatusConnection, "read">;
  readonly #longest: number;
  readonly #chunk = new Uint8Array(CHUNK);
  #bytes = new Uint8Array();

  /** @param longest most bytes of a line, without its end */
  constructor(connection: Pick<StatusConnection, "read">, longest: number) {
    this.#connection = connection;
    this.#longest = longest;
  }

  /** @returns a line without its end; null: the connection is closed, or the line is too long @throws what reading throws */
  async next(): Promise<string | null> {
    while (true) {
      const end = this.#bytes.indexOf(NEWLINE);
      if ((end < 0 ? this.#bytes.length : end) > this.#longest) return null;
      if (end >= 0) return this.#take(end);
      const count = await this.#connection.read(this.#chunk);
      if (count === null) return null;
      const bytes = new Uint8Array(this.#bytes.length + count);
      bytes.set(this.#bytes);
      bytes.set(this.#chunk.subarray(0, count), this.#bytes.length);
      this.#bytes = bytes;
    }
  }

  #take(end: number): string {
    const line = new TextDecoder().decode(this.#bytes.subarray(0, end));
    this.#bytes = this.#bytes.slice(end + 1);
    return line;
  }
}

/** Writes all of a text. @throws what writing throws */
export async function writeText({ write }: Pick<StatusConnection, "write">, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) done += await write(bytes.subarray(done));
}

/** Says that something takes too long. */
export class LateError extends IpipouError {}

/** Waits for something, but not forever. @throws {LateError} when it takes longer */
export async function inTime<T>(work: Promise<T>, milliseconds: number, clock: Clock): Promise<T> {
  const end = new AbortController();
  const late = clock.waitUntil(clock.now() + milliseconds, end.signal).then((): typeof LATE => LATE);
  try {
    const result = await Promise.race([work, late]);
    if (result !== LATE) return result;
    throw new LateError(`no answer within ${milliseconds / 1000} s`, EXIT.failure);
  } finally {
    end.abort();
  }
}
