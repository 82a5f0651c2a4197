import { findLong, findShort, type Grammar, take, takesValue } from "./command_line.ts";
import { SettingsError, showPath } from "./errors.ts";
import type { GivenValues } from "./given.ts";
import { nameOf, type Option, tomlPathOf } from "./option.ts";
import { OPTIONS } from "./options.ts";

const GRAMMAR: Grammar = { options: OPTIONS, help: "ipipou --help" };
const HIGHEST_VERB = 99;
// What TOML does not allow in a comment.
// deno-lint-ignore no-control-regex
const CONTROL_REGEXP = /[\u0000-\u0008\u000a-\u001f\u007f]/g;

/** TOML made of a configuration file of version 0.1. */
interface Converted {
  readonly toml: string;
  /** Whether a secret itself stands in it. */
  readonly holdsSecret: boolean;
}

/** One line that gives an option; `text` is empty for one that takes no value. */
interface Setting {
  readonly option: Option;
  readonly text: string;
}

/**
 * Makes TOML of a configuration file of version 0.1, line by line, comments and blank lines included. Such a
 * file has an option a line, with or without hyphens, and after one space its value as it is, without quotes.
 * Of options given more than once the last one counts.
 *
 * @param path where it lies, for messages
 * @throws {SettingsError} with file and line, for an option that does not exist or a value it cannot take
 */
export function convertConf(text: string, path: string): Converted {
  const given: GivenValues = {};
  const lines = text.split(/\r\n|\r|\n/).map((line, index) => {
    const place = `${showPath(path)}:${index + 1}`;
    return isRemark(line) ? line : readLine(line, place, given);
  });
  const toml = lines.flatMap((line, index) => {
    if (typeof line === "string") {
      return line.includes("#") ? line.replace(CONTROL_REGEXP, "\ufffd").trimEnd() : "";
    }
    const later = lines.slice(index + 1);
    const isLast = !later.some((other) => typeof other !== "string" && replaces(other.option, line.option));
    return isLast ? formatSetting(line, given) : [];
  }).join("\n");
  const secrets = lines.filter((line) => typeof line !== "string" && line.option.secret);
  return { toml: toml.endsWith("\n") || toml === "" ? toml : `${toml}\n`, holdsSecret: secrets.length > 0 };
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
    throw new SettingsError(`Cannot take what follows the value of ${name}: after = it has no spaces`);
  }
  if (takesValue(option) && value === "" && attached === undefined) {
    throw new SettingsError(`Cannot use ${name} without a value: give ${option.metavar} after one space`);
  }
  const isNumber = ["integer", "duration", "ports"].includes(option.kind);
  const setting = { option, text: isNumber ? value.trim() : value };
  if (option.kind !== "config" && option.kind !== "switch") take(given, option, setting.text, name);
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

/** Tells whether a line with the option `later` leaves nothing of an earlier one with `earlier`. */
function replaces(later: Option, earlier: Option): boolean {
  const setsVerbosity = (option: Option) => option.kind === "count" || option.long === "verb";
  if (setsVerbosity(later)) return setsVerbosity(earlier);
  if (later.kind === "flag" && earlier.kind === "flag") return later.slot === earlier.slot;
  return later === earlier;
}

function formatSetting({ option, text }: Setting, given: Readonly<GivenValues>): string {
  switch (option.kind) {
    case "config":
      return "# A file cannot name another with --config: version 0.1 took no notice of it either.";
    case "count":
      return `verb = ${verbosityOf(given)}`;
    case "flag":
      return `${keyOf(option)} = ${!option.long?.startsWith("no-")}`;
    case "integer":
      return `${keyOf(option)} = ${option.slot === "verb" ? verbosityOf(given) : given[option.slot]?.value}`;
    case "duration":
      return `${keyOf(option)} = ${given[option.slot]?.value}`;
    case "ports": {
      const ports = given[option.slot]?.value ?? [];
      return `${keyOf(option)} = ${ports.length === 1 ? ports[0] : `[${ports.join(", ")}]`}`;
    }
    case "networks":
      return `${keyOf(option)} = [${given[option.slot]?.value.map(formatString).join(", ")}]`;
    default:
      return `${keyOf(option)} = ${formatString(text)}`;
  }
}

function verbosityOf({ verbose, verb }: Readonly<GivenValues>): number {
  return Math.min(HIGHEST_VERB, (verbose?.value ?? 0) + (verb?.value ?? 0));
}

function keyOf(option: Option): string {
  return tomlPathOf(option)?.join(".") ?? "";
}

function formatString(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}
