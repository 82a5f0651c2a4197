import { SettingsError, showPath } from "../settings/errors.ts";
import { CONFIG_FOLDER, type Files, MODE, nameOfConfig, pathOf, readConfig } from "../settings/files.ts";
import type { Input } from "../settings/given.ts";
import { loadInput } from "../settings/load.ts";
import { resolve } from "../settings/resolve.ts";
import type { Settings } from "../settings/settings.ts";

/** Where a hub's files are. */
export interface Hub {
  /** NAME of /etc/ipipou/NAME.toml */
  readonly name: string;
  readonly path: string;
  /** Folder of its peers' files. */
  readonly folder: string;
}

/** A hub's settings, and the input they were made from. */
export interface LoadedHub {
  readonly input: Input;
  readonly settings: Settings;
  readonly warnings: readonly string[];
}

/** Finds a hub's files. They must be in /etc/ipipou, because the executable may write nowhere else. @throws {SettingsError} */
export function findHub(config: string, { read }: Files): Hub {
  const path = pathOf(config, "toml");
  const name = nameOfConfig(path);
  if (name === null) {
    const form = `must be a file ${CONFIG_FOLDER}NAME.toml, with NAME of A-Z a-z 0-9 _ . @ -`;
    throw new SettingsError(`Cannot use ${showPath(path)} as HUB: ${form}`);
  }
  readConfig(read, config);
  return { name, path, folder: path.replace(/\.toml$/, ".peers") };
}

/** The path that a peer's file has or would have. */
export function pathOfPeer({ folder }: Hub, peer: string): string {
  return `${folder}/${peer}.toml`;
}

/** Loads a hub's settings. @throws {SettingsError} for the first error */
export function loadHub({ path }: Hub, files: Files): LoadedHub {
  const { warnings, ...input } = loadInput({ configs: [path], given: {} }, files);
  const resolved = resolve(input, files.read);
  return { input, settings: resolved.settings, warnings: [...warnings, ...resolved.warnings] };
}

/** The files as if there were one more in a folder. */
export function withFile(files: Files, folder: string, path: string, text: string): Files {
  const name = path.slice(folder.length + 1);
  return {
    read: (other) => other === path ? { ok: true, text, mode: MODE.private } : files.read(other),
    list: (other) => {
      const found = files.list(other);
      if (other !== folder || !found.ok && !found.missing) return found;
      return { ok: true, names: [...found.ok ? found.names : [], name] };
    },
  };
}

/** The files as if a folder existed. */
export function withFolder(files: Files, folder: string): Files {
  return {
    read: files.read,
    list: (other) => {
      const found = files.list(other);
      return other === folder && !found.ok && found.missing ? { ok: true, names: [] } : found;
    },
  };
}

/** The files as if one in a folder did not exist. */
export function withoutFile(files: Files, folder: string, path: string): Files {
  const name = path.slice(folder.length + 1);
  return {
    read: files.read,
    list: (other) => {
      const found = files.list(other);
      return found.ok && other === folder
        ? { ...found, names: found.names.filter((one) => one !== name) }
        : found;
    },
  };
}
