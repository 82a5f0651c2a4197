import { suggestOption } from "./did_you_mean.ts";
import { HIDDEN, quote, SettingsError } from "./errors.ts";
import { assignTo, type GivenValues } from "./given.ts";
import { nameOf, type Option } from "./option.ts";
import { OPTIONS } from "./options.ts";
import { readValue, Refusal } from "./values.ts";

const NEGATIVE_REGEXP = /^-\d*\.?\d+$/;
// Not `--name=two words`, which is an option, perhaps a secret one.
const PHRASE_REGEXP = /^-(?!-)[^= ]* /;

/** What a command line asks for. */
export type Invocation =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  /** Make a key pair; `labelled`: say which line is which. */
  | { readonly kind: "keygen"; readonly labelled: boolean }
  | {
    readonly kind: "run";
    /** What `--config` was given, in that order. */
    readonly configs: readonly string[];
    readonly given: Readonly<GivenValues>;
    /** A line each. */
    readonly warnings: readonly string[];
  };

/** One option as it stands on the command line. */
interface Occurrence {
  readonly option: Option;
  /** Empty for an option that takes none. */
  readonly text: string;
}

/**
 * Reads the command line as version 0.1 did: short options in one word (`-vvn0`), values after a space or
 * `=`, long options cut short as long as only one begins so; what comes later wins.
 *
 * @param argv without the program's name
 * @throws {SettingsError} for what is unknown, lacks its value, or has one that cannot be taken
 */
export function parseInvocation(argv: readonly string[]): Invocation {
  const given: GivenValues = {};
  const configs: string[] = [];
  const warnings = new Set<string>();
  let keygen = false;
  for (const { option, text } of occurrences(argv)) {
    if (option.kind === "command") {
      if (option.command !== "keygen") return { kind: option.command };
      keygen = true;
    } else if (option.kind === "config") {
      configs.push(text);
    } else {
      take(given, option, text);
      if (option.secret) warnings.add(warnOfArgv(option));
    }
  }
  if (!keygen) return { kind: "run", configs, given, warnings: [...warnings] };
  return { kind: "keygen", labelled: (given.verbose?.value ?? 0) + (given.verb?.value ?? 0) > 0 };
}

function take(
  given: GivenValues,
  option: Exclude<Option, { kind: "command" | "config" }>,
  text: string,
): void {
  const place = nameOf(option);
  const assign = assignTo(given, option, place, true);
  if (option.kind === "flag") return assign(option.slot, option.gives);
  if (option.kind === "count") return assign(option.slot, (given[option.slot]?.value ?? 0) + 1);
  try {
    readValue(option, text, "", assign);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new SettingsError(
      `Cannot use ${option.secret ? HIDDEN : quote(text)} as ${place}: ${error.message}`,
    );
  }
}

function warnOfArgv(option: Option): string {
  const files = OPTIONS.filter((other) =>
    other.kind === "secretFile" && "slot" in option && other.slot === option.slot
  );
  const cures = [...files.map(nameOf), "a configuration file"].join(" or ");
  return `The value of ${nameOf(option)} shows in the process list to every user of this host: use ${cures}`;
}

function* occurrences(argv: readonly string[]): Generator<Occurrence> {
  const rest = [...argv];
  let last: Option | undefined;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") return refuseAfterEnd(rest);
    if (word === "-" || !word.startsWith("-")) throw strayWord(word, last);
    for (const occurrence of word.startsWith("--") ? [longOption(word, rest)] : shortOptions(word, rest)) {
      last = occurrence.option;
      yield occurrence;
    }
  }
}

/** They are not shown: what looks like an option there may hold a secret. */
function refuseAfterEnd(words: readonly string[]): void {
  if (words.length > 0) {
    throw new SettingsError("Cannot take words after -- on the command line: put options before it");
  }
}

/** What follows a secret may be a part of it that lacked its quotes. */
function strayWord(word: string, last: Option | undefined): SettingsError {
  const cure = "a value with spaces needs quotes, and every other word an option before it";
  if (last?.secret) {
    return new SettingsError(`Cannot take the word after the value of ${nameOf(last)}: ${cure}`);
  }
  return new SettingsError(`Cannot take ${quote(word)} on the command line: ${cure}`);
}

function longOption(word: string, rest: string[]): Occurrence {
  const [, name = "", attached] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  const option = findLong(name);
  if (takesValue(option)) return { option, text: attached ?? nextValue(option, rest) };
  if (attached === undefined) return { option, text: "" };
  throw new SettingsError(`Cannot give a value to ${nameOf(option)}: it takes none`);
}

function findLong(name: string): Option {
  const exact = OPTIONS.find((option) => option.long === name);
  if (exact !== undefined) return exact;
  const meant = OPTIONS.filter((option) => !option.neverAbbreviated && option.long?.startsWith(name));
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return only;
  if (only === undefined || name === "") throw unknownLong(name);
  throw new SettingsError(
    `Cannot tell which option --${name} is: it could be ${meant.map(nameOf).join(", ")}`,
  );
}

/** What follows a secret's option without a space is the secret, and not shown. */
function unknownLong(name: string): SettingsError {
  const glued = OPTIONS.find((option) =>
    option.secret && option.long !== null && name.startsWith(option.long)
  );
  if (glued === undefined || OPTIONS.some((option) => option.long?.startsWith(name))) {
    return new SettingsError(`Unknown option ${quote(`--${name}`)}: ${suggestOption(name)}`);
  }
  return new SettingsError(
    `Unknown option that begins with ${nameOf(glued)}: its value needs a space or = before it`,
  );
}

function* shortOptions(word: string, rest: string[]): Generator<Occurrence> {
  const letters = [...word].slice(1);
  for (const [index, letter] of letters.entries()) {
    const option = OPTIONS.find((option) => option.short === letter);
    if (option === undefined) {
      throw new SettingsError(`Unknown option ${quote(`-${letter}`)}: ipipou --help lists the options`);
    }
    if (!takesValue(option)) {
      yield { option, text: "" };
      continue;
    }
    const attached = letters.slice(index + 1).join("");
    yield { option, text: attached === "" ? nextValue(option, rest) : attached.replace(/^=/, "") };
    return;
  }
}

function takesValue(option: Option): boolean {
  return option.kind !== "flag" && option.kind !== "count" && option.kind !== "command";
}

/** The next word, unless it looks like an option; as in version 0.1, negative numbers and phrases do not. */
function nextValue(option: Option, rest: string[]): string {
  const word = rest.shift();
  const isOption = word?.startsWith("-") && word !== "-" && !NEGATIVE_REGEXP.test(word) &&
    !PHRASE_REGEXP.test(word);
  if (word !== undefined && !isOption) return word;
  throw new SettingsError(
    `Cannot use ${nameOf(option)} without a value: give ${option.metavar} after it` +
      (isOption ? ", or with = between them if it begins with a hyphen" : ""),
  );
}
