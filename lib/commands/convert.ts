import { convertConf } from "../settings/conf.ts";
import { SettingsError, showPath } from "../settings/errors.ts";
import { CONFIG_FOLDER, pathOf, type ReadFile, readText, type WriteFile } from "../settings/files.ts";

const PRIVATE_MODE = 0o600;
const PUBLIC_MODE = 0o644;

/** What to convert, and where it goes. */
export interface ConvertOptions {
  /** As `--config` takes them. */
  readonly names: readonly string[];
  /** Beside each file instead of to standard output. */
  readonly write: boolean;
  /** In place of a file that is there. */
  readonly force: boolean;
}

/**
 * Makes TOML of configuration files of version 0.1.
 *
 * @returns what to print: the TOML, or what was written where
 * @throws {SettingsError} for the first thing that is wrong; nothing is written then
 */
export function convert({ names, write, force }: ConvertOptions, read: ReadFile, put: WriteFile): string {
  const files = names.map((name) => convertFile(name, read));
  if (!write) return files.map(({ toml }) => toml).join("");
  for (const { path, target } of files) {
    if (!path.startsWith(CONFIG_FOLDER) || path.includes("/../")) {
      throw new SettingsError(
        `Cannot write beside ${showPath(path)}: --write is for files of ${CONFIG_FOLDER}; ` +
          `convert it without --write, and keep what is printed`,
      );
    }
    if (!force && isThere(read, target)) throw refuseToReplace(target);
  }
  return files.map(({ path, target, toml, isPrivate }) => {
    const mode = isPrivate ? PRIVATE_MODE : PUBLIC_MODE;
    if (!put(target, toml, { mode, replace: force })) throw refuseToReplace(target);
    return `wrote ${showPath(target)} from ${showPath(path)}\n`;
  }).join("");
}

/** A file that is converted, and what is to be written where. */
interface ConvertedFile {
  readonly path: string;
  readonly target: string;
  readonly toml: string;
  /** Whether it is for its owner alone: it holds secrets, or others could not read its source either. */
  readonly isPrivate: boolean;
}

function convertFile(name: string, read: ReadFile): ConvertedFile {
  const path = pathOf(name, "conf");
  if (path.endsWith(".toml")) {
    throw new SettingsError(`Cannot convert ${showPath(path)}: it is TOML already by its name`);
  }
  const { text, isPublic } = readText(read, path, "ipipou convert");
  const { toml, holdsSecret } = convertConf(text, path);
  return { path, target: `${path.replace(/\.conf$/, "")}.toml`, toml, isPrivate: holdsSecret || !isPublic };
}

function isThere(read: ReadFile, path: string): boolean {
  const file = read(path);
  return file.ok || !file.missing;
}

function refuseToReplace(path: string): SettingsError {
  return new SettingsError(`Cannot write ${showPath(path)}: it is there already; give --force to replace it`);
}
