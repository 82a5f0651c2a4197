import { assignOption, findLong, findShort, RUN, type Setting, takesValue } from "./words.ts";
import { lowerFirst, SettingsError, showPath } from "./errors.ts";
import type { GivenValues } from "./given.ts";
import { nameOf, type Option } from "./option.ts";
import { formatSetting, replaces } from "./format_toml.ts";

// Characters that TOML forbids in comments.
// deno-lint-ignore no-control-regex
const CONTROL_REGEXP = /[\u0000-\u0008\u000a-\u001f\u007f]/g;

/** A configuration file of version 0.1. */
export interface Conf {
  /** Settings, and the comments and blank lines between them. */
  readonly lines: readonly (Setting | string)[];
  readonly given: Readonly<GivenValues>;
}

/**
 * Converts a configuration file of version 0.1 to TOML, line by line, including comments and blank lines.
 *
 * @param path its path, for messages
 * @returns `holdsSecret`: whether it contains a secret, rather than the name of a secret's file
 * @throws {SettingsError} with file and line, for an unknown option or an invalid value
 */
export function convertConf(text: string, path: string): { toml: string; holdsSecret: boolean } {
  const conf = readConf(text, path);
  const toml = formatConf(conf, () => true).join("\n");
  return { toml: toml.endsWith("\n") || toml === "" ? toml : `${toml}\n`, holdsSecret: holdsSecret(conf) };
}

/**
 * Parses a configuration file of version 0.1. It has one option per line, with or without hyphens, then one space and
 * the unquoted value. The last of repeated options counts.
 *
 * @param path its path, for messages
 * @throws {SettingsError} with file and line, for an unknown option or an invalid value
 */
export function readConf(text: string, path: string): Conf {
  const given: GivenValues = {};
  const lines = text.split(/\r\n|\r|\n/).map((line, index) => {
    const place = `${showPath(path)}:${index + 1}`;
    return isRemark(line) ? line : readLine(line, place, given);
  });
  return { lines, given };
}

/** Formats its lines as TOML: comments, blank lines, and the wanted settings that are not overridden. */
export function formatConf({ lines, given }: Conf, isWanted: (option: Option) => boolean): string[] {
  const overridden = overriddenIn(lines);
  return lines.flatMap((line, index) => {
    if (typeof line === "string") {
      return line.includes("#") ? line.replace(CONTROL_REGEXP, "\ufffd").trimEnd() : "";
    }
    return !overridden.has(index) && isWanted(line.option) ? formatSetting(line, given) : [];
  });
}

/** Numbers of the lines that a later one overrides. */
function overriddenIn(lines: Conf["lines"]): Set<number> {
  const later = new Set<Option>();
  const overridden = new Set<number>();
  for (const [index, line] of [...lines.entries()].reverse()) {
    if (typeof line === "string") continue;
    if ([...later].some((option) => replaces(option, line.option))) overridden.add(index);
    later.add(line.option);
  }
  return overridden;
}

/** Tells whether the file contains a secret, rather than the name of a secret's file. */
export function holdsSecret({ lines }: Conf): boolean {
  return lines.some((line) => typeof line !== "string" && line.option.secret);
}

function isRemark(line: string): boolean {
  return /^[ \t]*#|^[ \t-]*$/.test(line);
}

function readLine(line: string, place: string, given: GivenValues): Setting {
  const [, word = "", rest = ""] = /^([^ ]*) ?(.*)$/s.exec(line.replace(/^[ \t-]+/, "")) ?? [];
  const [, key = "", attached] = /^([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  const option = find(word.length === 1 ? word : key, place);
  const name = `${nameOf(option)} at ${place}`;
  if (option.kind === "command") {
    throw new SettingsError(`Cannot use ${name}: it can only be used on the command line`);
  }
  const value = attached ?? rest;
  if (!takesValue(option) && word + rest !== key) {
    throw new SettingsError(`Cannot give a value to ${name}: it takes none`);
  }
  if (attached !== undefined && rest !== "") {
    throw new SettingsError(
      `Cannot use what follows the value of ${name}: a value after = has no spaces`,
    );
  }
  if (takesValue(option) && value === "" && attached === undefined) {
    throw new SettingsError(`Cannot use ${name} without a value: give ${option.metavar} after one space`);
  }
  const isNumber = ["integer", "mark", "duration", "ports"].includes(option.kind);
  const setting = { option, text: isNumber ? value.trim() : value };
  if (option.kind !== "config" && option.kind !== "switch") assignOption(given, option, setting.text, name);
  return setting;
}

function find(key: string, place: string): Option {
  try {
    return key.length === 1 ? findShort(key, RUN) : findLong(key, RUN);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new SettingsError(`Cannot read ${place}: ${lowerFirst(error.message)}`);
  }
}
