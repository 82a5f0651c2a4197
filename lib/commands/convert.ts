import type { ConvertOptions } from "../settings/invocation.ts";
import { type Conf, convertConf, holdsSecret, readConf } from "../settings/conf.ts";
import { lowerFirst, SettingsError, showPath } from "../settings/errors.ts";
import {
  CONFIG_FOLDER,
  type Files,
  isMissing,
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
 * Converts configuration files of version 0.1 to TOML.
 *
 * @returns what to print: the TOML, or which files were written
 * @throws {SettingsError} for the first error, before anything is written
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
        `Cannot write ${showPath(target)}: --write only writes to ${CONFIG_FOLDER}; ` +
          `convert without --write, and save the output`,
      );
    }
    if (!force && !isMissing(read(target))) throw overwriteError(target);
  }
  return converted.map(({ sources, target, toml, isPrivate }) => {
    const mode = isPrivate ? MODE.private : MODE.public;
    if (!put(target, toml, { mode, replace: force })) throw overwriteError(target);
    return `wrote ${showPath(target)} from ${sources.map(showPath).join(", ")}\n`;
  }).join("");
}

/** A converted file, and where to write it. */
interface ConvertedFile {
  readonly sources: readonly string[];
  readonly target: string;
  readonly toml: string;
  /** Whether only its owner may read it: it contains secrets, or a source was not public either. */
  readonly isPrivate: boolean;
}

function convertFile(name: string, read: ReadFile): ConvertedFile {
  const { path, text, isPublic } = readOld(name, read);
  const { toml, holdsSecret: isSecret } = convertConf(text, path);
  const target = `${path.replace(/\.conf$/, "")}.toml`;
  return { sources: [path], target, toml, isPrivate: isSecret || !isPublic };
}

/** Merges several files into one, and checks the result. */
function convertHub(names: readonly string[], hub: string, files: Files): ConvertedFile {
  const target = pathOf(hub, "toml");
  const servers = names.map((name) => readOld(name, files.read))
    .map((old) => ({ ...old, conf: readConf(old.text, old.path) }))
    .map((old) => ({ ...old, settings: settingsOf(old.conf, old.path, files.read) }));
  const toml = mergeServers(servers);
  const read: ReadFile = (path) =>
    path === target ? { ok: true, text: toml, mode: MODE.private } : files.read(path);
  const input = loadInput({ configs: [target], given: {} }, { ...files, read });
  resolve(input, read);
  const isPrivate = servers.some(({ conf, isPublic }) => holdsSecret(conf) || !isPublic);
  return { sources: servers.map(({ path }) => path), target, toml, isPrivate };
}

/** Makes settings from one file. @throws {SettingsError} that names the file */
function settingsOf({ given }: Conf, path: string, read: ReadFile): Settings {
  try {
    return resolve({ given, peers: null, unusable: [] }, read).settings;
  } catch (error) {
    if (!(error instanceof SettingsError) || error.message.includes(showPath(path))) throw error;
    throw new SettingsError(`Cannot make a peer of ${showPath(path)}: ${lowerFirst(error.message)}`);
  }
}

function readOld(name: string, read: ReadFile): TextFile {
  const path = pathOf(name, "conf");
  if (path.endsWith(".toml")) {
    throw new SettingsError(`Cannot convert ${showPath(path)}: its name says that it is already TOML`);
  }
  return readText(read, path, "ipipou convert");
}

function overwriteError(path: string): SettingsError {
  return new SettingsError(`Cannot write ${showPath(path)}: it already exists; give --force to replace it`);
}
