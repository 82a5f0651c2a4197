import { Buffer, isUtf8 } from "node:buffer";
import { dirname } from "node:path";
import { reasonOf } from "../errors.ts";
import { use } from "../use.ts";
import { SettingsError, showPath } from "./errors.ts";
import { type Files, LARGEST_CONFIG_MIB, MODE, type Unread, type WriteOptions } from "./files.ts";

/** Bytes that a character may take, and a file that is no configuration file for its size alone. */
const LARGEST_BYTES = 4 * LARGEST_CONFIG_MIB * 2 ** 20;
const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Files and folders on disk. A byte order mark is dropped. */
export const DISK: Files = {
  read: (path) =>
    attempt(() => {
      refuseNamedPipe(path);
      const { bytes, mode } = use(Deno.openSync(path), readWhole);
      return { ok: true, text: decode(bytes), mode };
    }),
  list: (path) =>
    attempt(() => ({ ok: true, names: Array.from(Deno.readDirSync(path), ({ name }) => name) })),
};

function attempt<T>(look: () => T): T | Unread {
  try {
    return look();
  } catch (error) {
    const reason = reasonOf(error);
    const cure = /^Too many open files/.test(reason) ? { cure: "raise the limit (ulimit -n)" } : {};
    return { ok: false, missing: error instanceof Deno.errors.NotFound, reason, ...cure };
  }
}

/** A named pipe has no end until somebody writes to it, and the process would wait. A shell's <(…) has its writer. */
function refuseNamedPipe(path: string): void {
  if (/^\/(dev|proc)\//.test(path) || !Deno.statSync(path).isFifo) return;
  throw new RangeError("it is a named pipe");
}

function decode(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes);
  let [start, line] = [0, 1];
  for (let end = bytes.indexOf(NEWLINE); end >= 0 && isUtf8(bytes.subarray(start, end)); line++) {
    start = end + 1;
    end = bytes.indexOf(NEWLINE, start);
  }
  throw new RangeError(`it is not UTF-8 text, in line ${line}`);
}

/** Its size is not known before: a pipe has none, and /dev/zero no end. */
function readWhole(file: Deno.FsFile): { bytes: Uint8Array; mode: number } {
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (true) {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const count = file.readSync(chunk);
    if (count === null) return { bytes: Buffer.concat(chunks), mode: file.statSync().mode ?? 0 };
    chunks.push(chunk.subarray(0, count));
    size += count;
    if (size > LARGEST_BYTES) throw new RangeError(`it is larger than ${LARGEST_BYTES / 2 ** 20} MiB`);
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
