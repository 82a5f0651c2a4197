import { type Command, COMMANDS, EXPORT_FORMATS } from "./commands.ts";
import { nearest } from "./did_you_mean.ts";
import { quote, SettingsError } from "./errors.ts";
import { warnOfWords } from "./command_warnings.ts";
import type { ClientFileRequest, Invocation, PeerChoice } from "./invocation.ts";
import { checkMetricsFile, metricsPlace } from "./metrics_place.ts";
import { nameOf } from "./option.ts";
import { PEER_NAME } from "./options.ts";
import { assignOption, type ParsedWords, readWords, RUN } from "./words.ts";

/** Slots that do not identify an instance. */
const LOG_SLOTS = new Set(["verbose", "verb", "logTime", "logPid", "logFormat", "logAddresses"]);

/**
 * Parses the command line like version 0.1: short options can share a word (`-vvn0`), values follow a space or `=`,
 * long options can be abbreviated while unambiguous, and later options override earlier ones. A first word without a
 * hyphen is a command; without any word the status is asked for.
 *
 * @param argv without the program's name
 * @throws {SettingsError} for an unknown option, a missing value, or an invalid one
 */
export function parseInvocation(argv: readonly string[]): Invocation {
  const [first, second, ...rest] = argv;
  if (first === undefined) return { kind: "status", name: null, peer: null, json: false, watch: false };
  if (first.startsWith("-")) return parseRun(argv);
  const single = COMMANDS.find(({ name }) => name === first);
  if (single !== undefined) return parseCommand(single, argv.slice(1));
  const family = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  if (family.length === 0) throw unknownCommandError(first, COMMANDS);
  if (second === "--help" || second === "-h") return { kind: "help", commands: family };
  const command = family.find(({ name }) => name === `${first} ${second}`);
  if (command === undefined) {
    // An option may have a secret attached.
    const words = second === undefined || second.startsWith("-") ? first : `${first} ${second}`;
    throw unknownCommandError(words, family);
  }
  return parseCommand(command, rest);
}

const PARSERS: Record<Command["name"], (line: ParsedWords, command: Command) => Invocation> = {
  status: parseStatus,
  metrics: parseMetrics,
  check: ({ words }) => ({ kind: "check", names: words }),
  doctor: parseDoctor,
  export: parseExport,
  convert: parseConvert,
  cleanup: parseCleanup,
  "peer add": parsePeerAdd,
  "peer show": (line, command) => ({
    kind: "peer-show",
    ...parsePeerChoice(line.words, command),
    ...parseClientFile(line),
  }),
  "peer remove": ({ words }, command) => ({ kind: "peer-remove", ...parsePeerChoice(words, command) }),
  "peer list": ({ words }, command) => ({ kind: "peer-list", hub: checkWords(words, command)[0]! }),
};

function unknownCommandError(words: string, candidates: readonly Command[]): SettingsError {
  const near = nearest(words, candidates.map(({ name }) => name));
  if (near !== undefined) {
    return new SettingsError(`Unknown command ${quote(words)}: did you mean ipipou ${near}?`);
  }
  const [first = ""] = words.split(" ");
  const cure = candidates === COMMANDS ? "ipipou --help" : `ipipou ${first} --help`;
  return new SettingsError(`Unknown command ${quote(words)}: ${cure} lists the commands`);
}

function parseCommand(command: Command, argv: readonly string[]): Invocation {
  const { name, options } = command;
  const line = readWords(argv, { options, help: `ipipou ${name} --help`, takesWords: true });
  return line.asked?.command === "help"
    ? { kind: "help", commands: [command] }
    : PARSERS[name](line, command);
}

/** @returns null: all instances are meant */
function onlyName(words: readonly string[], action: string): string | null {
  const [name = null, ...others] = words;
  if (others.length === 0) return name;
  throw new SettingsError(`Cannot ${action} several instances by name: give one NAME, or none for all`);
}

function parseStatus({ words, own, switches }: ParsedWords): Invocation {
  return {
    kind: "status",
    name: onlyName(words, "show"),
    peer: own.peerName?.value ?? null,
    json: switches.has("json"),
    watch: switches.has("watch"),
  };
}

function parseMetrics({ words, own: { listen, output } }: ParsedWords): Invocation {
  const name = onlyName(words, "make metrics of");
  if (listen !== undefined && output !== undefined) {
    throw new SettingsError(`Cannot use both ${output.place} and ${listen.place}: give one`);
  }
  if (output !== undefined) checkMetricsFile(output.value, output.place);
  return {
    kind: "metrics",
    name,
    file: output?.value ?? null,
    listen: listen === undefined ? null : metricsPlace(listen.value, listen.place),
  };
}

function parseDoctor({ words, switches }: ParsedWords): Invocation {
  return {
    kind: "doctor",
    name: onlyName(words, "examine"),
    nat: switches.has("nat"),
    json: switches.has("json"),
  };
}

function parseExport({ words: [word, ...names] }: ParsedWords): Invocation {
  const format = EXPORT_FORMATS.find((format) => format === word);
  const formats = EXPORT_FORMATS.join(", ");
  if (format === undefined) {
    const what = word === undefined ? "without a format" : `to ${quote(word)}`;
    throw new SettingsError(`Cannot export ${what}: give one of ${formats}, then NAME`);
  }
  if (names.length !== 1) throw new SettingsError(`Cannot export ${names.length} instances: give one NAME`);
  return { kind: "export", format, name: names[0]! };
}

function parseConvert({ words, switches, configs }: ParsedWords): Invocation {
  const hub = configs.at(-1) ?? null;
  const [write, force] = [switches.has("write"), switches.has("force")];
  if (words.length === 0) throw new SettingsError("Cannot convert without a file: give NAME or a path");
  if (force && !write) throw new SettingsError("Cannot use --force without --write: give --write too");
  if (words.length > 1 && !write && hub === null) {
    throw new SettingsError("Cannot print several files as one: give one NAME, or --write, or --hub HUB");
  }
  return { kind: "convert", names: words, hub, write, force };
}

function parseCleanup({ words, configs, given, asked }: ParsedWords): Invocation {
  if (asked !== null) {
    throw new SettingsError(`Cannot use ${nameOf(asked)} with ipipou cleanup: leave it out`);
  }
  if (words.length > 1) throw new SettingsError("Cannot clean up several instances at once: give one NAME");
  if (words.length + configs.length === 0 && Object.keys(given).every((slot) => LOG_SLOTS.has(slot))) {
    throw new SettingsError("Cannot clean up without an instance: give NAME, or -n N");
  }
  return {
    kind: "cleanup",
    ...words.length > 0 ? { place: "NAME" } : {},
    configs: [...words, ...configs],
    given,
  };
}

function parsePeerAdd(line: ParsedWords, command: Command): Invocation {
  const { words, switches, given, settings } = line;
  const makeKey = switches.has("makeKey");
  if (makeKey && given.remotePublicKey !== undefined) {
    throw new SettingsError(
      `Cannot use both --make-key and ${given.remotePublicKey.place}: they set the same value, give one`,
    );
  }
  return {
    kind: "peer-add",
    ...parsePeerChoice(words, command),
    ...parseClientFile(line),
    given,
    settings,
    makeKey,
    warnings: warnOfWords(settings),
  };
}

function parseClientFile({ switches, own }: ParsedWords): ClientFileRequest {
  if (own.fallbacks !== undefined) {
    throw new SettingsError(`Cannot use several addresses as ${own.fallbacks.place}: give one`);
  }
  return {
    endpoint: { host: own.remoteHost?.value ?? null, port: own.remotePort?.value ?? null },
    clientDevice: own.device?.value ?? null,
    asLine: switches.has("line"),
  };
}

function parsePeerChoice(words: readonly string[], command: Command): PeerChoice {
  const [hub, peer] = checkWords(words, command);
  assignOption({}, PEER_NAME, peer!, "PEER");
  return { hub: hub!, peer: peer! };
}

/** Checks that there are as many words as the command's usage names. */
function checkWords(words: readonly string[], { name, usage }: Command): readonly string[] {
  const wanted = usage.replace(/ \[.*/, "").split(" ");
  const [missing, stray] = [wanted[words.length], words[wanted.length]];
  if (missing !== undefined) {
    throw new SettingsError(`Cannot run ipipou ${name} without ${missing}: give ipipou ${name} ${usage}`);
  }
  if (stray !== undefined) {
    throw new SettingsError(
      `Cannot use ${quote(stray)} on the command line: give ipipou ${name} ${usage}`,
    );
  }
  return words;
}

function parseRun(argv: readonly string[]): Invocation {
  const { configs, given, settings, asked } = readWords(argv, RUN);
  switch (asked?.command) {
    case "help":
      return { kind: "help", commands: [] };
    case "version":
      return { kind: "version" };
    case "keygen":
      return { kind: "keygen", labelled: (given.verbose?.value ?? 0) + (given.verb?.value ?? 0) > 0 };
    case "dryRun":
      return { kind: "dry-run", configs, given, warnings: warnOfWords(settings) };
    case undefined:
      return { kind: "run", configs, given, warnings: warnOfWords(settings) };
  }
}
