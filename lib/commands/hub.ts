import { basename, dirname } from "node:path";
import { attempt, type OnMistake, SettingsError, showPath } from "../settings/errors.ts";
import { CONFIG_FOLDER, type Files, MODE, nameOfConfig, pathOf, readConfig } from "../settings/files.ts";
import type { Input } from "../settings/given.ts";
import { loadInput } from "../settings/load.ts";
import { resolve, resolveAll } from "../settings/resolve.ts";
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
    throw new SettingsError(
      `Cannot use ${showPath(path)} as HUB: must be a file ${CONFIG_FOLDER}NAME.toml, ` +
        "with NAME of A-Z a-z 0-9 _ . @ -",
    );
  }
  readConfig(read, config, "HUB");
  return { name, path, folder: path.replace(/\.toml$/, ".peers") };
}

/** The path that a peer's file has or would have. */
export function pathOfPeer({ folder }: Hub, peer: string): string {
  return `${folder}/${peer}.toml`;
}

/** Loads a hub's settings. @throws {SettingsError} for the first error */
export function loadHub({ path }: Hub, files: Files): LoadedHub {
  const { warnings, ...input } = loadInput({ configs: [path], place: "HUB", given: {} }, files);
  const resolved = resolve(input, files.read);
  return { input, settings: resolved.settings, warnings: [...warnings, ...resolved.warnings] };
}

/**
 * Loads a hub's settings without the peers' files that have mistakes. Of peers that clash all are there.
 *
 * @returns `mistakes`: those, and the clashes, a line each
 * @throws {SettingsError} for the first other error
 */
export function loadGoodPart(hub: Hub, files: Files): LoadedHub & { readonly mistakes: readonly string[] } {
  try {
    return { ...loadHub(hub, files), mistakes: [] };
  } catch (error) {
    const found = files.list(hub.folder);
    if (!(error instanceof SettingsError) || !found.ok) throw error;
    const only = (names: readonly string[]) => withNames(files, hub.folder, () => names);
    loadHub(hub, only([]));
    const mistakes: string[] = [];
    const onMistake: OnMistake = ({ message }) => void mistakes.push(message);
    const good = found.names.filter((name) => attempt(onMistake, () => loadHub(hub, only([name]))));
    return { ...loadClashing(hub, only(good), onMistake), mistakes };
  }
}

/** @param onMistake gets what two peers may not have both @throws {SettingsError} for any other error */
function loadClashing(hub: Hub, files: Files, onMistake: OnMistake): LoadedHub {
  const { warnings, ...input } = loadInput({ configs: [hub.path], place: "HUB", given: {} }, files);
  const resolved = resolveAll(input, files.read, onMistake);
  if (resolved === undefined) return loadHub(hub, files);
  return { input, settings: resolved.settings, warnings: [...warnings, ...resolved.warnings] };
}

/** The files as if a folder existed, with what `edit` makes of the names in it. */
export function withNames(
  files: Files,
  folder: string,
  edit: (names: readonly string[]) => readonly string[],
): Files {
  return {
    read: files.read,
    list: (path) => {
      const found = files.list(path);
      if (path !== folder || !found.ok && !found.missing) return found;
      return { ok: true, names: edit(found.ok ? found.names : []) };
    },
  };
}

/** The files as if there were one more in a folder. */
export function withFile(files: Files, path: string, text: string): Files {
  const { list } = withNames(files, dirname(path), (names) => [...names, basename(path)]);
  return {
    list,
    read: (other) => other === path ? { ok: true, text, mode: MODE.private } : files.read(other),
  };
}
