import type { FileRead } from "./files.ts";

/** Reads a text file from disk: the edge behind `ReadFile`. A byte order mark is dropped. */
export function readFromDisk(path: string): FileRead {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
    return { ok: true, text, mode: Deno.statSync(path).mode ?? 0 };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Deno adds the number and the call: "No such file or directory (os error 2): readfile '/x'".
    return {
      ok: false,
      missing: error instanceof Deno.errors.NotFound,
      reason: message.replace(/( \(os error |: readfile ).*/s, ""),
    };
  }
}
