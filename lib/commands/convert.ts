import type { ConvertOptions } from "../settings/command_line.ts";
import { type Conf, convertConf, holdsSecret, readConf } from "../settings/conf.ts";
import { SettingsError, showPath } from "../settings/errors.ts";
import {
  CONFIG_FOLDER,
  type Files,
  MODE,
  pathOf,
  type ReadFile,
  readText,
  type TextFile,
  type WriteFile,
} from "../settings/files.ts";
import { mergeServers } from "../settings/merge_confs.ts";
import { loadInput } from "../settings/load.ts";
import { resolve } from "../settings/resolve.ts";
import type { Settings } from "../settings/settings.ts";

/**
 * Makes TOML of configuration files of version 0.1.
 *
 * @returns what to print: the TOML, or what was written where
 * @throws {SettingsError} for the first thing that is wrong; nothing is written then
 */
export function convert(options: ConvertOptions, files: Files, put: WriteFile): string {
  const { names, hub, write, force } = options;
  const { read } = files;
  const converted = hub === null
    ? names.map((name) => convertFile(name, read))
    : [convertHub(names, hub, files)];
  if (!write) return converted.map(({ toml }) => toml).join("");
  for (const { target } of converted) {
    if (!target.startsWith(CONFIG_FOLDER) || target.includes("/../")) {
      throw new SettingsError(
        `Cannot write ${showPath(target)}: --write is for files of ${CONFIG_FOLDER}; ` +
          `convert without --write, and keep what is printed`,
      );
    }
    if (!force && isThere(read, target)) throw overwriteError(target);
  }
  return converted.map(({ sources, target, toml, isPrivate }) => {
    const mode = isPrivate ? MODE.private : MODE.public;
    if (!put(target, toml, { mode, replace: force })) throw overwriteError(target);
    return `wrote ${showPath(target)} from ${sources.map(showPath).join(", ")}\n`;
  }).join("");
}

/** A file that is converted, and what is to be written where. */
interface ConvertedFile {
  readonly sources: readonly string[];
  readonly target: string;
  readonly toml: string;
  /** Whether it is for its owner alone: it holds secrets, or others could not read its source either. */
  readonly isPrivate: boolean;
}

function convertFile(name: string, read: ReadFile): ConvertedFile {
  const { path, text, isPublic } = readOld(name, read);
  const { toml, holdsSecret: isSecret } = convertConf(text, path);
  const target = `${path.replace(/\.conf$/, "")}.toml`;
  return { sources: [path], target, toml, isPrivate: isSecret || !isPublic };
}

/** Makes one file of several, and sees whether it can be used. */
function convertHub(names: readonly string[], hub: string, files: Files): ConvertedFile {
  const target = pathOf(hub, "toml");
  const sources = names.map((name) => readOld(name, files.read));
  const confs = sources.map(({ text, path }) => readConf(text, path));
  const toml = mergeServers(confs.map((conf, index) => ({
    path: sources[index]!.path,
    conf,
    settings: settingsOf(conf, sources[index]!.path, files.read),
  })));
  const read: ReadFile = (path) =>
    path === target ? { ok: true, text: toml, mode: MODE.private } : files.read(path);
  const input = loadInput({ configs: [target], given: {} }, { ...files, read });
  resolve(input, read);
  const isPrivate = confs.some(holdsSecret) || sources.some(({ isPublic }) => !isPublic);
  return { sources: sources.map(({ path }) => path), target, toml, isPrivate };
}

/** What one file means. @throws {SettingsError} that names the file */
function settingsOf({ given }: Conf, path: string, read: ReadFile): Settings {
  try {
    return resolve({ given, peers: null }, read).settings;
  } catch (error) {
    if (!(error instanceof SettingsError) || error.message.includes(showPath(path))) throw error;
    const reason = error.message.charAt(0).toLowerCase() + error.message.slice(1);
    throw new SettingsError(`Cannot make a peer of ${showPath(path)}: ${reason}`);
  }
}

function readOld(name: string, read: ReadFile): TextFile {
  const path = pathOf(name, "conf");
  if (path.endsWith(".toml")) {
    throw new SettingsError(`Cannot convert ${showPath(path)}: it is TOML already by its name`);
  }
  return readText(read, path, "ipipou convert");
}

function isThere(read: ReadFile, path: string): boolean {
  const file = read(path);
  return file.ok || !file.missing;
}

function overwriteError(path: string): SettingsError {
  return new SettingsError(`Cannot write ${showPath(path)}: it is there already; give --force to replace it`);
}
