import { type Command, COMMANDS } from "./commands.ts";
import { nearest } from "./did_you_mean.ts";
import { quote, SettingsError } from "./errors.ts";
import type { GivenValues } from "./given.ts";
import { nameOf, type Option } from "./option.ts";
import { OPTIONS } from "./options.ts";
import { type Grammar, readWords, type Setting } from "./words.ts";

/** Where values come from. */
export interface Sources {
  /** What `--config` was given, in that order. */
  readonly configs: readonly string[];
  readonly given: Readonly<GivenValues>;
}

/** What a command line asks for. */
export type Invocation =
  /** `command`: the one whose help is asked for; null: the whole program's. */
  | { readonly kind: "help"; readonly command: Command | null }
  | { readonly kind: "version" }
  /** Make a key pair; `labelled`: say which line is which. */
  | { readonly kind: "keygen"; readonly labelled: boolean }
  | Sources & {
    readonly kind: "run";
    /** A line each. */
    readonly warnings: readonly string[];
  }
  /** Make TOML of files of version 0.1; `force`: also in place of a file that is there. */
  | {
    readonly kind: "convert";
    readonly names: readonly string[];
    readonly write: boolean;
    readonly force: boolean;
  }
  /** Remove what an instance left in the kernel. */
  | Sources & { readonly kind: "cleanup" };

const RUN: Grammar = { options: OPTIONS, help: "ipipou --help" };

/** Slots that do not tell which instance is meant. */
const LOG_SLOTS = new Set(["verbose", "verb", "logTime", "logPid"]);

/**
 * Reads the command line as version 0.1 did: short options in one word (`-vvn0`), values after a space or
 * `=`, long options cut short as long as only one begins so; what comes later wins. A first word without a
 * hyphen is a command.
 *
 * @param argv without the program's name
 * @throws {SettingsError} for what is unknown, lacks its value, or has one that cannot be taken
 */
export function parseInvocation(argv: readonly string[]): Invocation {
  const [first, ...rest] = argv;
  if (first === undefined || first.startsWith("-")) return parseRun(argv);
  const command = COMMANDS.find(({ name }) => name === first);
  if (command === undefined) throw unknownCommand(first);
  return PARSERS[command.name](command, rest);
}

const PARSERS: Record<Command["name"], (command: Command, argv: readonly string[]) => Invocation> = {
  convert: parseConvert,
  cleanup: parseCleanup,
};

function unknownCommand(word: string): SettingsError {
  const near = nearest(word, COMMANDS.map(({ name }) => name));
  const cure = near === undefined ? "ipipou --help lists the commands" : `did you mean ipipou ${near}?`;
  return new SettingsError(`Unknown command ${quote(word)}: ${cure}`);
}

function grammarOf({ name, options }: Command): Grammar {
  return { options, help: `ipipou ${name} --help`, takesWords: true };
}

function parseConvert(command: Command, argv: readonly string[]): Invocation {
  const { words, switches, asked } = readWords(argv, grammarOf(command));
  if (asked !== null) return { kind: "help", command };
  const [write, force] = [switches.has("write"), switches.has("force")];
  if (words.length === 0) throw new SettingsError("Cannot convert without a file: give NAME or a path");
  if (force && !write) throw new SettingsError("Cannot use --force without --write: give --write too");
  if (words.length > 1 && !write) {
    throw new SettingsError("Cannot print several files as one: give one NAME, or --write");
  }
  return { kind: "convert", names: words, write, force };
}

function parseCleanup(command: Command, argv: readonly string[]): Invocation {
  const { words, configs, given, asked } = readWords(argv, grammarOf(command));
  if (asked?.command === "help") return { kind: "help", command };
  if (asked !== null) {
    throw new SettingsError(`Cannot use ${nameOf(asked)} with ipipou cleanup: give it alone`);
  }
  if (words.length > 1) throw new SettingsError("Cannot clean up after several at once: give one NAME");
  if (words.length + configs.length === 0 && Object.keys(given).every((slot) => LOG_SLOTS.has(slot))) {
    throw new SettingsError("Cannot clean up without knowing after whom: give NAME, or -n N");
  }
  return { kind: "cleanup", configs: [...words, ...configs], given };
}

function parseRun(argv: readonly string[]): Invocation {
  const { configs, given, settings, asked } = readWords(argv, RUN);
  switch (asked?.command) {
    case "help":
      return { kind: "help", command: null };
    case "version":
      return { kind: "version" };
    case "keygen":
      return { kind: "keygen", labelled: (given.verbose?.value ?? 0) + (given.verb?.value ?? 0) > 0 };
    case undefined:
      return { kind: "run", configs, given, warnings: warnOfSecrets(settings) };
  }
}

function warnOfSecrets(settings: readonly Setting[]): string[] {
  return [...new Set(settings.map(({ option }) => option).filter(({ secret }) => secret))].map(warnOfArgv);
}

function warnOfArgv(option: Option): string {
  const files = OPTIONS.filter((other) =>
    other.kind === "secretFile" && "slot" in option && other.slot === option.slot
  );
  const cures = [...files.map(nameOf), "a configuration file"].join(" or ");
  return `The value of ${nameOf(option)} shows in the process list to every user of this host: use ${cures}`;
}
