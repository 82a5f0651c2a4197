/** Where bytes go, such as `Deno.stdout`. */
interface Stream {
  /** @returns how many of the bytes were written */
  writeSync(bytes: Uint8Array): number;
}

/**
 * Writes all of a text: a stream may take a part of it at a time, and fail where it would have to wait.
 *
 * @param awaitRoom blocks until the stream takes something again
 * @throws what the stream throws otherwise
 */
export function writeAll(stream: Stream, text: string, awaitRoom: () => void): void {
  const bytes = new TextEncoder().encode(text);
  for (let start = 0; start < bytes.length;) {
    try {
      start += stream.writeSync(bytes.subarray(start));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      awaitRoom();
    }
  }
}
