import { SettingsError, showPath } from "./errors.ts";

/** A file or folder that cannot be read. `reason`: the system's error message; `cure`: what to do, where that is known. */
export interface Unread {
  readonly ok: false;
  readonly missing: boolean;
  readonly reason: string;
  readonly cure?: string;
}

/** Result of reading a file. `mode`: its permission bits. */
export type FileRead = { readonly ok: true; readonly text: string; readonly mode: number } | Unread;

/** Reads a whole text file. Does not throw. */
export type ReadFile = (path: string) => FileRead;

/** Read access to files. */
export interface Files {
  readonly read: ReadFile;
  /** Lists the files and folders in a folder, in no order. Does not throw. */
  readonly list: (path: string) => { readonly ok: true; readonly names: readonly string[] } | Unread;
}

/** How to write a file. */
export interface WriteOptions {
  /** Permission bits. */
  readonly mode: number;
  /** Whether to replace an existing file. */
  readonly replace: boolean;
}

/** Writes a whole file or nothing. @returns false if the file exists and must not be replaced */
export type WriteFile = (path: string, text: string, options: WriteOptions) => boolean;

/** Folder of the configuration files, the only one the executable may write to. */
export const CONFIG_FOLDER = "/etc/ipipou/";
/** Folder by which a running program is found. */
export const RUN_FOLDER = "/run/ipipou/";
/** Permission bits of a file for its owner only, of a file for everyone, and of a folder. */
export const MODE = { private: 0o600, public: 0o644, folder: 0o755 } as const;
const OTHERS_CAN_READ = 0o004;
/** Size limit of a configuration file, in 2^20 characters: 512 for each of 4,096 peers. */
export const LARGEST_CONFIG_MIB = 2;

/** What to do where only other users may read something. */
export const AS_ROOT = "run as root, or as a user who may read it";

/** A file's text, and whether every user of this host can read it. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
  readonly isPublic: boolean;
}

/**
 * Reads a file that must exist.
 *
 * @param place the option or file that names it
 * @throws {SettingsError} when it cannot be read
 */
export function readText(read: ReadFile, path: string, place: string): TextFile {
  const file = read(path);
  if (file.ok) return { path, text: file.text, isPublic: (file.mode & OTHERS_CAN_READ) !== 0 };
  const cure = file.missing
    ? "make it, or name another"
    : file.cure ?? (isDenied(file) ? AS_ROOT : "make it a UTF-8 text file that this user can read");
  throw new SettingsError(`Cannot read ${showPath(path)} (${place}): ${file.reason}; ${cure}`);
}

/**
 * Reads the configuration file that `--config NAME` or a command's word names: a path if it begins with `/`, `./` or `../`, else a file in
 * /etc/ipipou whose `.toml` may be omitted.
 *
 * @param place what names it, for messages
 * @throws {SettingsError} when it cannot be read, or is a file of version 0.1
 */
export function readConfig(read: ReadFile, name: string, place: string): TextFile {
  const path = pathOf(name, "toml");
  if (path.endsWith(".conf")) throw oldFileError(name, path, place);
  const old = path.replace(/\.toml$/, ".conf");
  if (old !== path && isMissing(read(path)) && !isMissing(read(old))) {
    throw oldFileError(name.replace(/\.toml$/, isPath(name) ? ".conf" : ""), old, place);
  }
  return readToml(read, path, place);
}

/**
 * Reads a TOML file.
 *
 * @param place the option or file that names it
 * @throws {SettingsError} when it cannot be read, or is too large
 */
export function readToml(read: ReadFile, path: string, place: string): TextFile {
  const file = readText(read, path, place);
  if (file.text.length <= LARGEST_CONFIG_MIB * 2 ** 20) return file;
  throw new SettingsError(
    `Cannot read ${showPath(path)} (${place}): it is larger than ${LARGEST_CONFIG_MIB} MiB; ` +
      "name a configuration file, or split it",
  );
}

/** The path of the configuration file called `name`; `extension` is the one that may be omitted. */
export function pathOf(name: string, extension: "toml" | "conf"): string {
  if (isPath(name)) return name;
  return CONFIG_FOLDER + (/\.(toml|conf)$/.test(name) ? name : `${name}.${extension}`);
}

/** NAME of /etc/ipipou/NAME.toml if it has only plain characters; null for any other path. */
export function nameOfConfig(path: string): string | null {
  return /^\/etc\/ipipou\/(\w[\w.@-]*)\.toml$/.exec(path)?.[1] ?? null;
}

function isPath(name: string): boolean {
  return /^\.{0,2}\//.test(name);
}

/** Tells whether only other users may read a file. */
export function isDenied(file: FileRead | Unread): boolean {
  return !file.ok && file.reason.startsWith("Permission denied");
}

/** Tells whether a file does not exist. One that exists may be unreadable. */
export function isMissing(file: FileRead): boolean {
  return !file.ok && file.missing;
}

function oldFileError(name: string, path: string, place: string): SettingsError {
  const command = path.startsWith(CONFIG_FOLDER)
    ? `ipipou convert --write ${showPath(name)}`
    : `ipipou convert ${showPath(path)} > ${showPath(path.replace(/conf$/, "toml"))}`;
  return new SettingsError(
    `Cannot read ${showPath(path)} (${place}): it is a file of version 0.1; convert it to TOML: ${command}`,
  );
}
