import { SettingsError, showPath } from "./errors.ts";

/** What came of reading a file. */
export type FileRead =
  /** `mode`: its permission bits. */
  | { readonly ok: true; readonly text: string; readonly mode: number }
  /** `reason`: in the system's words. */
  | { readonly ok: false; readonly missing: boolean; readonly reason: string };

/** Reads a whole text file; does not throw. */
export type ReadFile = (path: string) => FileRead;

/** What came of listing a folder; `names` are those of files and folders in it, in no order. */
export type FolderRead =
  | { readonly ok: true; readonly names: readonly string[] }
  | { readonly ok: false; readonly missing: boolean; readonly reason: string };

/** Lists a folder; does not throw. */
export type ListFolder = (path: string) => FolderRead;

/** Where files are read from. */
export interface Files {
  readonly read: ReadFile;
  readonly list: ListFolder;
}

/** How to put a file in its place. */
export interface WriteOptions {
  /** Permission bits. */
  readonly mode: number;
  /** Whether a file that is there is replaced. */
  readonly replace: boolean;
}

/** Writes a whole file or nothing. @returns false when the file is there and is not to be replaced */
export type WriteFile = (path: string, text: string, options: WriteOptions) => boolean;

/** Where configuration lies, and the only place the executable may write to. */
export const CONFIG_FOLDER = "/etc/ipipou/";
/** Where a running program can be found. */
export const RUN_FOLDER = "/run/ipipou/";
/** Permission bits of a file that is for its owner alone, and of one for all. */
export const MODE = { private: 0o600, public: 0o644 } as const;
const OTHERS_CAN_READ = 0o004;
/** Characters of the largest configuration file, in 2^20; with 4,096 peers there are 512 for each. */
export const LARGEST_CONFIG_MIB = 2;

/** A file's text, and whether any user of this host can read it too. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
  readonly isPublic: boolean;
}

/**
 * Reads a file that must be there.
 *
 * @param place what named it
 * @throws {SettingsError} when it cannot be read
 */
export function readText(read: ReadFile, path: string, place: string): TextFile {
  const file = read(path);
  if (file.ok) return { path, text: file.text, isPublic: (file.mode & OTHERS_CAN_READ) !== 0 };
  const cure = file.missing
    ? "make it, or name another"
    : "make it a UTF-8 text file that this user can read";
  throw new SettingsError(`Cannot read ${showPath(path)} (${place}): ${file.reason}; ${cure}`);
}

/**
 * Reads the configuration file that `--config NAME` names: a path when it begins with `/`, `./` or `../`,
 * else a file of /etc/ipipou whose `.toml` may be left out.
 *
 * @throws {SettingsError} when it cannot be read, or is a file of version 0.1
 */
export function readConfig(read: ReadFile, name: string): TextFile {
  const path = pathOf(name, "toml");
  if (path.endsWith(".conf")) throw oldFileError(name, path);
  const old = path.replace(/\.toml$/, ".conf");
  if (old !== path && isMissing(read(path)) && !isMissing(read(old))) {
    throw oldFileError(name.replace(/\.toml$/, isPath(name) ? ".conf" : ""), old);
  }
  return readToml(read, path, "--config");
}

/**
 * Reads a TOML file of a sensible size.
 *
 * @param place what named it
 * @throws {SettingsError} when it cannot be read
 */
export function readToml(read: ReadFile, path: string, place: string): TextFile {
  const file = readText(read, path, place);
  if (file.text.length <= LARGEST_CONFIG_MIB * 2 ** 20) return file;
  throw new SettingsError(
    `Cannot read ${showPath(path)} (${place}): it is larger than ${LARGEST_CONFIG_MIB} MiB; ` +
      "name a configuration file, or split it",
  );
}

/** The path that a name of a configuration file means; `extension` is the one that may be left out. */
export function pathOf(name: string, extension: "toml" | "conf"): string {
  if (isPath(name)) return name;
  return CONFIG_FOLDER + (/\.(toml|conf)$/.test(name) ? name : `${name}.${extension}`);
}

/** NAME of /etc/ipipou/NAME.toml, where that is plain; null for any other path. */
export function nameOfConfig(path: string): string | null {
  return /^\/etc\/ipipou\/(\w[\w.@-]*)\.toml$/.exec(path)?.[1] ?? null;
}

function isPath(name: string): boolean {
  return /^\.{0,2}\//.test(name);
}

function isMissing(file: FileRead): boolean {
  return !file.ok && file.missing;
}

function oldFileError(name: string, path: string): SettingsError {
  const command = path.startsWith(CONFIG_FOLDER)
    ? `ipipou convert --write ${showPath(name)}`
    : `ipipou convert ${showPath(path)} > ${showPath(path.replace(/conf$/, "toml"))}`;
  return new SettingsError(
    `Cannot read ${showPath(path)} (--config): it is a file of version 0.1; make TOML of it: ${command}`,
  );
}
