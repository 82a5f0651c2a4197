import type { GivenValues } from "./given.ts";
import { type Option, tomlPathOf } from "./option.ts";
import type { Setting } from "./words.ts";

const HIGHEST_VERB = 99;

/**
 * Formats a setting as a line of TOML.
 *
 * @param given holds its value
 */
export function formatSetting({ option, text }: Setting, given: Readonly<GivenValues>): string {
  const key = tomlPathOf(option)?.join(".") ?? "";
  switch (option.kind) {
    case "config":
      return "# A file cannot name another with --config: version 0.1 ignored it too.";
    case "count":
      return formatKey("verb", verbosityOf(given));
    case "flag":
      return formatKey(key, !option.long?.startsWith("no-"));
    case "integer":
      return formatKey(key, option.slot === "verb" ? verbosityOf(given) : given[option.slot]!.value);
    case "ports":
      return formatKey(key, portsValue(given[option.slot]!.value));
    case "numberOrWord":
    case "mark":
    case "duration":
    case "networks":
      return formatKey(key, given[option.slot]!.value);
    default:
      return formatKey(key, text);
  }
}

/** A value that TOML can hold. */
type TomlValue = string | number | boolean | readonly (string | number)[];

/** Formats keys and values as lines of TOML. Those that are null are left out. */
export function formatKeys(values: Readonly<Record<string, TomlValue | null>>): string[] {
  return Object.entries(values).flatMap(([key, value]) => value === null ? [] : [formatKey(key, value)]);
}

function formatKey(key: string, value: TomlValue): string {
  const shown = typeof value === "object" ? `[${value.map(formatValue).join(", ")}]` : formatValue(value);
  return `${key} = ${shown}`;
}

/** Text becomes a string on one line. */
function formatValue(value: string | number | boolean): string {
  return typeof value === "string" ? JSON.stringify(value).replaceAll("\u007f", "\\u007f") : String(value);
}

/** UDP ports as a TOML value: one port, or a list. */
export function portsValue(ports: readonly number[]): TomlValue {
  return ports.length === 1 ? ports[0]! : ports;
}

/** Tells whether giving the option `later` overrides an earlier `earlier` completely. */
export function replaces(later: Option, earlier: Option): boolean {
  const setsVerbosity = (option: Option) => option.kind === "count" || option.long === "verb";
  if (setsVerbosity(later)) return setsVerbosity(earlier);
  if (later.kind === "flag" && earlier.kind === "flag") return later.slot === earlier.slot;
  return later === earlier;
}

function verbosityOf({ verbose, verb }: Readonly<GivenValues>): number {
  return Math.min(HIGHEST_VERB, (verbose?.value ?? 0) + (verb?.value ?? 0));
}
