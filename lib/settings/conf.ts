import { assignOption, findLong, findShort, type Grammar, type Setting, takesValue } from "./words.ts";
import { SettingsError, showPath } from "./errors.ts";
import type { GivenValues } from "./given.ts";
import { nameOf, type Option } from "./option.ts";
import { OPTIONS } from "./options.ts";
import { formatSetting, replaces } from "./format_toml.ts";

const GRAMMAR: Grammar = { options: OPTIONS, help: "ipipou --help" };
// What TOML does not allow in a comment.
// deno-lint-ignore no-control-regex
const CONTROL_REGEXP = /[\u0000-\u0008\u000a-\u001f\u007f]/g;

/** A configuration file of version 0.1. */
export interface Conf {
  /** Settings, and comments and blank lines between them. */
  readonly lines: readonly (Setting | string)[];
  readonly given: Readonly<GivenValues>;
}

/** TOML made of a configuration file of version 0.1. */
interface Converted {
  readonly toml: string;
  /** Whether a secret itself stands in it. */
  readonly holdsSecret: boolean;
}

/**
 * Makes TOML of a configuration file of version 0.1, line by line, comments and blank lines included.
 *
 * @param path where it lies, for messages
 * @throws {SettingsError} with file and line, for an option that does not exist or a value it cannot take
 */
export function convertConf(text: string, path: string): Converted {
  const conf = readConf(text, path);
  const toml = formatConf(conf, () => true).join("\n");
  return { toml: toml.endsWith("\n") || toml === "" ? toml : `${toml}\n`, holdsSecret: holdsSecret(conf) };
}

/**
 * Reads a configuration file of version 0.1. Such a file has an option a line, with or without hyphens, and after
 * one space its value as it is, without quotes. Of options given more than once the last one counts.
 *
 * @param path where it lies, for messages
 * @throws {SettingsError} with file and line, for an option that does not exist or a value it cannot take
 */
export function readConf(text: string, path: string): Conf {
  const given: GivenValues = {};
  const lines = text.split(/\r\n|\r|\n/).map((line, index) => {
    const place = `${showPath(path)}:${index + 1}`;
    return isRemark(line) ? line : readLine(line, place, given);
  });
  return { lines, given };
}

/** Writes its lines in TOML: comments, blank lines, and those settings that are wanted and count. */
export function formatConf({ lines, given }: Conf, isWanted: (option: Option) => boolean): string[] {
  return lines.flatMap((line, index) => {
    if (typeof line === "string") {
      return line.includes("#") ? line.replace(CONTROL_REGEXP, "\ufffd").trimEnd() : "";
    }
    const later = lines.slice(index + 1);
    const isLast = !later.some((other) => typeof other !== "string" && replaces(other.option, line.option));
    return isLast && isWanted(line.option) ? formatSetting(line, given) : [];
  });
}

/** Tells whether a secret itself stands in it. */
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
    throw new SettingsError(`Cannot use ${name}: it is for the command line only`);
  }
  const value = attached ?? rest;
  if (!takesValue(option) && word + rest !== key) {
    throw new SettingsError(`Cannot give a value to ${name}: it takes none`);
  }
  if (attached !== undefined && rest !== "") {
    throw new SettingsError(
      `Cannot take what follows the value of ${name}: after = it has no spaces`,
    );
  }
  if (takesValue(option) && value === "" && attached === undefined) {
    throw new SettingsError(`Cannot use ${name} without a value: give ${option.metavar} after one space`);
  }
  const isNumber = ["integer", "duration", "ports"].includes(option.kind);
  const setting = { option, text: isNumber ? value.trim() : value };
  if (option.kind !== "config" && option.kind !== "switch") assignOption(given, option, setting.text, name);
  return setting;
}

function find(key: string, place: string): Option {
  try {
    return key.length === 1 ? findShort(key, GRAMMAR) : findLong(key, GRAMMAR);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const reason = error.message.charAt(0).toLowerCase() + error.message.slice(1);
    throw new SettingsError(`Cannot read ${place}: ${reason}`);
  }
}
