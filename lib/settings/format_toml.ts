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
  switch (option.kind) {
    case "config":
      return "# A file cannot name another with --config: version 0.1 ignored it too.";
    case "count":
      return `verb = ${verbosityOf(given)}`;
    case "flag":
      return `${tomlKeyOf(option)} = ${!option.long?.startsWith("no-")}`;
    case "integer":
      return `${tomlKeyOf(option)} = ${
        option.slot === "verb" ? verbosityOf(given) : given[option.slot]?.value
      }`;
    case "duration":
      return `${tomlKeyOf(option)} = ${given[option.slot]?.value}`;
    case "ports":
      return `${tomlKeyOf(option)} = ${formatPorts(given[option.slot]?.value ?? [])}`;
    case "networks":
      return `${tomlKeyOf(option)} = [${given[option.slot]?.value.map(formatString).join(", ")}]`;
    default:
      return `${tomlKeyOf(option)} = ${formatString(text)}`;
  }
}

/** Tells whether giving the option `later` overrides an earlier `earlier` completely. */
export function replaces(later: Option, earlier: Option): boolean {
  const setsVerbosity = (option: Option) => option.kind === "count" || option.long === "verb";
  if (setsVerbosity(later)) return setsVerbosity(earlier);
  if (later.kind === "flag" && earlier.kind === "flag") return later.slot === earlier.slot;
  return later === earlier;
}

/** Formats UDP ports as a TOML value. */
export function formatPorts(ports: readonly number[]): string {
  return ports.length === 1 ? `${ports[0]}` : `[${ports.join(", ")}]`;
}

/** Formats text as a TOML string on one line. */
export function formatString(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}

function verbosityOf({ verbose, verb }: Readonly<GivenValues>): number {
  return Math.min(HIGHEST_VERB, (verbose?.value ?? 0) + (verb?.value ?? 0));
}

function tomlKeyOf(option: Option): string {
  return tomlPathOf(option)?.join(".") ?? "";
}
