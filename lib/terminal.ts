/** The terminal that the program was started in, if it was. */
import { outputError } from "./errors.ts";

/** In characters. */
interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Its size; null: standard output is no terminal. */
export function terminalSize(): Size | null {
  return Deno.stdout.isTerminal() ? knownSize(Deno.consoleSize()) : null;
}

/** A terminal that does not know its size, as on a serial line, says 0. */
export function knownSize({ columns, rows }: Size): Size {
  return { columns: columns || 80, rows: rows || 24 };
}

let lastWrite: Promise<unknown> = Promise.resolve();

/**
 * Writes to standard output, after all before.
 *
 * @returns false when nobody reads it any more
 * @throws {IpipouError} when it cannot be written
 */
export async function writeToTerminal(text: string): Promise<boolean> {
  const writing = lastWrite.then(() => writeAll(new TextEncoder().encode(text)));
  lastWrite = writing.catch(() => {});
  try {
    await writing;
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw outputError(error);
  }
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await Deno.stdout.write(bytes.subarray(done));
}

/** Calls `handle` with the keys that are pressed, until disposed; never where standard input is no terminal. */
export function onKeys(handle: (keys: string) => void): Disposable {
  if (!Deno.stdin.isTerminal()) return { [Symbol.dispose]: () => {} };
  Deno.stdin.setRaw(true);
  readKeys(handle);
  return { [Symbol.dispose]: () => Deno.stdin.setRaw(false) };
}

/** Reads until the end; whoever has disposed of the keys ends the program soon. */
async function readKeys(handle: (keys: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of Deno.stdin.readable) handle(decoder.decode(bytes, { stream: true }));
}
