import { type Command, COMMANDS } from "../../lib/settings/commands.ts";
import type { Option } from "../../lib/settings/option.ts";
import { OPTIONS } from "../../lib/settings/options.ts";

/** How a shell completes a value. */
export type Offer =
  /** Names of files in the configuration folder, or paths. */
  | { readonly kind: "names"; readonly extension: "toml" | "conf" }
  | { readonly kind: "files" }
  | { readonly kind: "devices" }
  /** A device after `@`, whatever precedes it. */
  | { readonly kind: "local" }
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "nothing" };

/** An option, as far as a shell needs it. */
export interface Offered {
  /** One letter. */
  readonly short: string | null;
  /** Without the hyphens. */
  readonly long: string | null;
  readonly help: string;
  /** How its value is completed; null if it takes none. */
  readonly value: { readonly metavar: string; readonly offer: Offer } | null;
  readonly repeats: boolean;
}

/** What a command line can contain, without a command or after one. */
export interface CommandLine {
  /** The command's words; empty: no command. */
  readonly name: string;
  readonly help: string;
  readonly options: readonly Offered[];
  /** How words other than options are completed. */
  readonly operands: Offer;
}

/** A word of a command's name, and its help. */
export interface CommandWord {
  /** The words before it, separated by spaces. */
  readonly after: string;
  readonly word: string;
  readonly help: string;
}

/** All command lines, the first one without a command. */
export function commandLines(commands: readonly Command[] = COMMANDS): [CommandLine, ...CommandLine[]] {
  const own = commands.map((command) => ({
    name: command.name,
    help: command.help,
    options: command.options.map(offered),
    operands: operandsOf(command),
  }));
  return [{ name: "", help: "", options: OPTIONS.map(offered), operands: { kind: "nothing" } }, ...own];
}

/** The words of all commands' names, without duplicates. */
export function commandWords(lines: readonly CommandLine[]): CommandWord[] {
  const words = new Map<string, CommandWord>();
  for (const { name, help } of lines) {
    const parts = name.split(" ").filter(Boolean);
    for (const [index, word] of parts.entries()) {
      const after = parts.slice(0, index).join(" ");
      const known = words.get(`${after} ${word}`);
      const more = parts.slice(index + 1).join(" ");
      const text = [...known === undefined ? [] : [known.help], more || help].join(", ");
      words.set(`${after} ${word}`, { after, word, help: text });
    }
  }
  return [...words.values()];
}

/** The option's names as typed. */
export function typed({ short, long }: Offered): string[] {
  return [...short === null ? [] : [`-${short}`], ...long === null ? [] : [`--${long}`]];
}

function offered(option: Option): Offered {
  return {
    short: option.short ?? null,
    long: option.long,
    help: option.help,
    value: option.metavar === undefined ? null : { metavar: option.metavar, offer: offerOf(option) },
    repeats: option.kind === "count" || option.kind === "config",
  };
}

function offerOf(option: Option): Offer {
  switch (option.kind) {
    case "config":
      return { kind: "names", extension: "toml" };
    case "secretFile":
      return { kind: "files" };
    case "device":
      return { kind: "devices" };
    case "local":
      return { kind: "local" };
    case "word":
    case "choice":
      return { kind: "words", words: option.choices };
    default:
      return { kind: "nothing" };
  }
}

function operandsOf({ name, usage }: Command): Offer {
  if (!/\b(NAME|HUB)\b/.test(usage)) return { kind: "nothing" };
  return { kind: "names", extension: name === "convert" ? "conf" : "toml" };
}
