import { suggestOption } from "./did_you_mean.ts";
import { HIDDEN, quote, SettingsError } from "./errors.ts";
import { assignTo, type GivenValues } from "./given.ts";
import { nameOf, type Option } from "./option.ts";
import { OPTIONS } from "./options.ts";
import { readValue, ValueError } from "./values.ts";

const NEGATIVE_REGEXP = /^-\d*\.?\d+$/;
// Excludes `--name=two words`, which is an option, perhaps with a secret.
const PHRASE_REGEXP = /^-(?!-)[^= ]* /;

/** What a command line may contain. */
interface Grammar {
  readonly options: readonly Option[];
  /** The command line that lists the options. */
  readonly help: string;
  /** Whether words other than options and their values are allowed. */
  readonly takesWords?: boolean;
}

/** The grammar of the command line without a command, and of files of version 0.1. */
export const RUN: Grammar = { options: OPTIONS, help: "ipipou --help" };

/** An option and its value. */
export interface Setting<O = Option> {
  readonly option: O;
  /** Empty if the option takes none. */
  readonly text: string;
}

/** The content of a command line. */
export interface ParsedWords {
  /** Values of `--config`, in order. */
  readonly configs: readonly string[];
  readonly given: Readonly<GivenValues>;
  /** The same, as options in order. */
  readonly settings: readonly Setting[];
  /** Values that describe the command itself. */
  readonly own: Readonly<GivenValues>;
  readonly words: readonly string[];
  readonly switches: ReadonlySet<string>;
  /** What it asks for other than to run. Nothing after a help or version option is read. */
  readonly asked: Extract<Option, { kind: "command" }> | null;
}

/** Parses the words of a command line. @throws {SettingsError} for the first invalid one */
export function readWords(argv: readonly string[], grammar: Grammar): ParsedWords {
  const given: GivenValues = {};
  const own: GivenValues = {};
  const settings: Setting[] = [];
  const configs: string[] = [];
  const words: string[] = [];
  const switches = new Set<string>();
  let asked: ParsedWords["asked"] = null;
  for (const { option, text } of occurrences(argv, grammar)) {
    if (option === null) words.push(text);
    else if (option.kind === "config") configs.push(text);
    else if (option.kind === "switch") switches.add(option.switch);
    else if (option.kind === "command") {
      asked = option;
      if (option.command === "help" || option.command === "version") break;
    } else if (option.ofCommand) assignOption(own, option, text, nameOf(option));
    else {
      assignOption(given, option, text, nameOf(option));
      settings.push({ option, text });
    }
  }
  return { given, own, settings, configs, words, switches, asked };
}

/**
 * Stores an option's value in `given`.
 *
 * @param place how errors refer to the option
 * @throws {SettingsError} when the value is invalid
 */
export function assignOption(
  given: GivenValues,
  option: Exclude<Option, { kind: "command" | "switch" | "config" }>,
  text: string,
  place: string,
): void {
  const assign = assignTo(given, option, place, true);
  if (option.kind === "flag") return assign(option.slot, option.gives);
  if (option.kind === "count") return assign(option.slot, (given[option.slot]?.value ?? 0) + 1);
  try {
    readValue(option, text, "", assign);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new SettingsError(
      `Cannot use ${option.secret || error.isSecret ? HIDDEN : quote(text)} as ${place}: ${error.message}`,
    );
  }
}

function* occurrences(argv: readonly string[], grammar: Grammar): Generator<Setting<Option | null>> {
  // The next one is at the end, where it can be taken at no cost.
  const rest = argv.toReversed();
  let last: Option | undefined;
  for (let word = rest.pop(); word !== undefined; word = rest.pop()) {
    if (word === "--") return refuseAfterEnd(rest);
    if (word === "-" || !word.startsWith("-")) {
      if (!grammar.takesWords || last?.secret) throw strayWordError(word, last);
      yield { option: null, text: word };
      continue;
    }
    const isLong = word.startsWith("--");
    for (const occurrence of isLong ? [longOption(word, rest, grammar)] : shortOptions(word, rest, grammar)) {
      last = occurrence.option;
      yield occurrence;
    }
  }
}

/** Does not show the words: one that looks like an option may contain a secret. */
function refuseAfterEnd(words: readonly string[]): void {
  if (words.length > 0) {
    throw new SettingsError("Cannot use words after -- on the command line: put options before it");
  }
}

/** Does not show a word after a secret: it may be part of it, if quotes are missing. */
function strayWordError(word: string, last: Option | undefined): SettingsError {
  const cure = "quote a value that has spaces; every other word needs an option before it";
  if (last?.secret) {
    return new SettingsError(`Cannot use the word after the value of ${nameOf(last)}: ${cure}`);
  }
  return new SettingsError(`Cannot use ${quote(word)} on the command line: ${cure}`);
}

function longOption(word: string, rest: string[], grammar: Grammar): Setting {
  const [, name = "", attached] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  const option = findLong(name, grammar);
  if (takesValue(option)) return { option, text: attached ?? nextValue(option, rest) };
  if (attached === undefined) return { option, text: "" };
  throw new SettingsError(`Cannot give a value to ${nameOf(option)}: it takes none`);
}

/** The option with this long name, or the only one whose name begins with it. @throws {SettingsError} */
export function findLong(name: string, grammar: Grammar): Option {
  const { options } = grammar;
  const exact = options.find((option) => option.long === name);
  if (exact !== undefined) return exact;
  const meant = options.filter((option) => !option.neverAbbreviated && option.long?.startsWith(name));
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return only;
  if (only === undefined || name === "") throw unknownOptionError(name, grammar);
  throw new SettingsError(
    `Cannot tell which option --${name} is: it could be ${meant.map(nameOf).join(", ")}`,
  );
}

/** Does not show the name if it is a secret's option with the secret attached. */
function unknownOptionError(name: string, { options, help }: Grammar): SettingsError {
  const glued = options.find((option) =>
    option.secret && option.long !== null && name.startsWith(option.long)
  );
  if (glued === undefined || options.some((option) => option.long?.startsWith(name))) {
    return new SettingsError(`Unknown option ${quote(`--${name}`)}: ${suggestOption(name, options, help)}`);
  }
  return new SettingsError(
    `Unknown option that begins with ${nameOf(glued)}: its value needs a space or = before it`,
  );
}

/** The option with this letter. @throws {SettingsError} */
export function findShort(letter: string, { options, help }: Grammar): Option {
  const option = options.find((option) => option.short === letter);
  if (option !== undefined) return option;
  throw new SettingsError(`Unknown option ${quote(`-${letter}`)}: ${help} lists the options`);
}

function* shortOptions(word: string, rest: string[], grammar: Grammar): Generator<Setting> {
  const letters = [...word].slice(1);
  for (const [index, letter] of letters.entries()) {
    const option = findShort(letter, grammar);
    if (!takesValue(option)) {
      yield { option, text: "" };
      continue;
    }
    const attached = letters.slice(index + 1).join("");
    yield { option, text: attached === "" ? nextValue(option, rest) : attached.replace(/^=/, "") };
    return;
  }
}

/** Tells whether the option takes a value. */
export function takesValue(option: Option): boolean {
  return !["flag", "count", "command", "switch"].includes(option.kind);
}

/** The next word, unless it looks like an option. As in version 0.1, negative numbers and phrases do not. */
function nextValue(option: Option, rest: string[]): string {
  const word = rest.pop();
  const isOption = word?.startsWith("-") && word !== "-" && !NEGATIVE_REGEXP.test(word) &&
    !PHRASE_REGEXP.test(word);
  if (word !== undefined && !isOption) return word;
  throw new SettingsError(
    `Cannot use ${nameOf(option)} without a value: give ${option.metavar} after it` +
      (isOption ? ", or with = between them if it begins with a hyphen" : ""),
  );
}
