import type { Endpoint } from "../packet.ts";
import { type Command, COMMANDS, EXPORT_FORMATS } from "./commands.ts";
import { nearest } from "./did_you_mean.ts";
import { quote, SettingsError } from "./errors.ts";
import { warnOfWords } from "./command_warnings.ts";
import type { GivenValues } from "./given.ts";
import { checkMetricsFile, metricsPlace } from "./metrics_place.ts";
import { nameOf } from "./option.ts";
import { PEER_NAME } from "./options.ts";
import { assignOption, type ParsedWords, readWords, RUN, type Setting } from "./words.ts";

/** Configuration files and options to read values from. */
export interface Sources {
  /** Values of `--config`, in order. */
  readonly configs: readonly string[];
  /** What names these in a command's usage, unless that is `--config`. */
  readonly place?: string;
  readonly given: Readonly<GivenValues>;
}

/** What a command line asks for. */
export type Invocation =
  /** `commands`: whose help to print; empty: the whole program's. */
  | { readonly kind: "help"; readonly commands: readonly Command[] }
  | { readonly kind: "version" }
  /** Generate a key pair; `labelled`: label the lines. */
  | { readonly kind: "keygen"; readonly labelled: boolean }
  | Sources & {
    readonly kind: "run";
    /** A line each. */
    readonly warnings: readonly string[];
  }
  /** Tell what a run would do in the kernel; `warnings`: a line each. */
  | Sources & { readonly kind: "dry-run"; readonly warnings: readonly string[] }
  /** Show how instances are. */
  | StatusRequest & { readonly kind: "status" }
  /** Tell Prometheus how instances are. */
  | MetricsRequest & { readonly kind: "metrics" }
  /** Find mistakes in configuration files, as `--config` takes them; none: all of /etc/ipipou. */
  | { readonly kind: "check"; readonly names: readonly string[] }
  /** Find what keeps tunnels from working. */
  | DoctorRequest & { readonly kind: "doctor" }
  /** Print the kernel part of an instance for another system. */
  | ExportRequest & { readonly kind: "export" }
  /** Convert files of version 0.1 to TOML. */
  | ConvertOptions & { readonly kind: "convert" }
  /** Remove what an instance left in the kernel. */
  | Sources & { readonly kind: "cleanup" }
  | PeerAddition & { readonly kind: "peer-add"; /** A line each. */ readonly warnings: readonly string[] }
  | PeerChoice & ClientFileRequest & { readonly kind: "peer-show" }
  | PeerChoice & { readonly kind: "peer-remove" }
  | { readonly kind: "peer-list"; /** As `--config` takes it. */ readonly hub: string };

/** Of what to show the status, and how. */
export interface StatusRequest {
  /** Of an instance or its file; null: all instances. */
  readonly name: string | null;
  /** Null: all peers. */
  readonly peer: string | null;
  readonly json: boolean;
  /** Again and again. */
  readonly watch: boolean;
}

/** What to examine, and how to say it. */
export interface DoctorRequest {
  /** A file, as `--config` takes it; null: all of /etc/ipipou. */
  readonly name: string | null;
  /** Measure how long NATs keep clients' ways open. */
  readonly nat: boolean;
  readonly json: boolean;
}

/** Of what to make metrics, and where they go. */
export interface MetricsRequest {
  /** Of an instance or its file; null: all instances. */
  readonly name: string | null;
  /** Path of the file to replace; null: none. */
  readonly file: string | null;
  /** Where to answer HTTP requests: a path, or a loopback address and a port; null: nowhere. */
  readonly listen: string | Endpoint | null;
}

/** Which instance to export, and to what. */
export interface ExportRequest {
  readonly format: typeof EXPORT_FORMATS[number];
  /** Of its file, as `--config` takes it. */
  readonly name: string;
}

/** What to convert, and where to. */
export interface ConvertOptions {
  /** Files of version 0.1, as `--config` takes them. */
  readonly names: readonly string[];
  /** The file to merge them all into, as `--config` takes it; null: convert each on its own. */
  readonly hub: string | null;
  /** Write files instead of printing. */
  readonly write: boolean;
  /** Replace existing files. */
  readonly force: boolean;
}

/** One peer of one hub. */
export interface PeerChoice {
  /** As `--config` takes it. */
  readonly hub: string;
  /** 1-15 characters of `A-Za-z0-9_.-`. */
  readonly peer: string;
}

/** What a client's file needs that the hub's settings do not tell, and how to print it. */
export interface ClientFileRequest {
  /** Where the client reaches the hub; null: not given. */
  readonly endpoint: { readonly host: string | null; readonly port: number | null };
  /** The client's network device; null: by its routes. */
  readonly clientDevice: string | null;
  /** Print a shell command that writes the client's file. */
  readonly asLine: boolean;
}

/** A peer to add to a hub. */
export interface PeerAddition extends PeerChoice, ClientFileRequest {
  /** The peer's options in order; later ones override earlier ones. */
  readonly settings: readonly Setting[];
  readonly given: Readonly<GivenValues>;
  /** Generate the client's key pair. */
  readonly makeKey: boolean;
}

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

function parseStatus({ words, own, switches }: ParsedWords): Invocation {
  if (words.length > 1) {
    throw new SettingsError("Cannot show several instances by name: give one NAME, or none for all");
  }
  return {
    kind: "status",
    name: words[0] ?? null,
    peer: own.peerName?.value ?? null,
    json: switches.has("json"),
    watch: switches.has("watch"),
  };
}

function parseMetrics({ words, own: { listen, output } }: ParsedWords): Invocation {
  if (words.length > 1) {
    throw new SettingsError(
      "Cannot make metrics of several instances by name: give one NAME, or none for all",
    );
  }
  if (listen !== undefined && output !== undefined) {
    throw new SettingsError(`Cannot use both ${output.place} and ${listen.place}: give one`);
  }
  if (output !== undefined) checkMetricsFile(output.value, output.place);
  return {
    kind: "metrics",
    name: words[0] ?? null,
    file: output?.value ?? null,
    listen: listen === undefined ? null : metricsPlace(listen.value, listen.place),
  };
}

function parseDoctor({ words, switches }: ParsedWords): Invocation {
  if (words.length > 1) {
    throw new SettingsError("Cannot examine several instances by name: give one NAME, or none for all");
  }
  return { kind: "doctor", name: words[0] ?? null, nat: switches.has("nat"), json: switches.has("json") };
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
