import { findMistakes } from "../settings/check.ts";
import { SettingsError, showPath } from "../settings/errors.ts";
import { CONFIG_FOLDER, type Files, pathOf } from "../settings/files.ts";

/**
 * Checks configuration files, without a look at the system.
 *
 * @param names as `--config` takes them; none: all of /etc/ipipou
 * @param print takes a line for each mistake, warning, and file without a mistake
 * @throws {SettingsError} when there is a mistake; it counts them
 */
export function check(names: readonly string[], files: Files, print: (line: string) => void): void {
  const configs = names.length > 0 ? names : allConfigs(files);
  let count = 0;
  for (const config of configs) {
    const { mistakes, warnings, unread } = findMistakes(config, files);
    const path = showPath(pathOf(config, "toml"));
    for (const mistake of mistakes) print(withPath(path, mistake));
    for (const warning of warnings) print(`Warning: ${withPath(path, warning)}`);
    for (const warning of unread) print(`Warning: ${warning}`);
    if (mistakes.length === 0) print(`${path}: no mistakes`);
    count += mistakes.length;
  }
  if (count === 0) return;
  throw new SettingsError(`${count} ${count === 1 ? "mistake" : "mistakes"}`);
}

/** Of several files, one that lacks something has no place for it to be told with. */
function withPath(path: string, message: string): string {
  const named = [path, path.replace(/\.toml("?)$/, ".peers")];
  return named.some((name) => message.includes(name)) ? message : `${path}: ${message}`;
}

function allConfigs({ list }: Files): string[] {
  const found = list(CONFIG_FOLDER.slice(0, -1));
  const names = found.ok ? found.names.filter((name) => /^[^.].*\.toml$/s.test(name)).sort() : [];
  if (names.length > 0) return names.map((name) => CONFIG_FOLDER + name);
  const why = found.ok ? "there is no file NAME.toml" : found.reason;
  throw new SettingsError(`Cannot check ${CONFIG_FOLDER}: ${why}; name a file`);
}
