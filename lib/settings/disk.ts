import { dirname } from "node:path";
import { use } from "../use.ts";
import { SettingsError, showPath } from "./errors.ts";
import { type Files, MODE, type Unread, type WriteOptions } from "./files.ts";

/** Files and folders on disk. A byte order mark is dropped. */
export const DISK: Files = {
  read: (path) =>
    attempt(() => {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
      return { ok: true, text, mode: Deno.statSync(path).mode ?? 0 };
    }),
  list: (path) =>
    attempt(() => ({ ok: true, names: Array.from(Deno.readDirSync(path), ({ name }) => name) })),
};

function attempt<T>(look: () => T): T | Unread {
  try {
    return look();
  } catch (error) {
    return { ok: false, missing: error instanceof Deno.errors.NotFound, reason: reasonOf(error) };
  }
}

/**
 * Writes a text file to disk, completely or not at all; implements `WriteFile`.
 *
 * @returns false if the file exists and must not be replaced
 * @throws {SettingsError} when it cannot be written
 */
export function writeToDisk(path: string, text: string, { mode, replace }: WriteOptions): boolean {
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    Deno.writeTextFileSync(temporary, text, { createNew: true, mode });
    Deno.chmodSync(temporary, mode);
    use(Deno.openSync(temporary), (file) => file.syncSync());
    if (replace) Deno.renameSync(temporary, path);
    else Deno.linkSync(temporary, path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw writeError("write", path, error);
  } finally {
    removeIfThere(temporary);
  }
}

/**
 * Writes a text file to disk like `writeToDisk`, and makes its folder if needed: both or nothing.
 *
 * @returns false if the file exists and must not be replaced
 * @throws {SettingsError} when it cannot be written
 */
export function writeWithFolder(path: string, text: string, options: WriteOptions): boolean {
  const folder = dirname(path);
  const isNew = makeFolder(folder);
  try {
    return writeToDisk(path, text, options);
  } catch (error) {
    if (isNew) Deno.removeSync(folder);
    throw error;
  }
}

function makeFolder(path: string): boolean {
  try {
    Deno.mkdirSync(path);
    Deno.chmodSync(path, MODE.folder);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw writeError("create", path, error);
  }
}

/** Removes a file. @throws {SettingsError} when it cannot be removed */
export function removeFromDisk(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    throw writeError("remove", path, error);
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function writeError(action: "write" | "create" | "remove", path: string, error: unknown): SettingsError {
  const cure = error instanceof Deno.errors.PermissionDenied ? "; run as root" : "";
  return new SettingsError(`Cannot ${action} ${showPath(path)}: ${reasonOf(error)}${cure}`);
}

/** Deno adds the number and the call: "No such file or directory (os error 2): readfile '/x'". */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/( \(os error |: (readfile|readdir|open|rename|link|chmod|mkdir|remove) ).*/s, "");
}
