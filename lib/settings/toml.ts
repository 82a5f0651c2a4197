import { guessKey, suggestKey } from "./did_you_mean.ts";
import {
  attempt,
  cutLong,
  HIDDEN,
  type OnMistake,
  quote,
  SettingsError,
  THROW,
  UnusableError,
} from "./errors.ts";
import { type Assign, assignTo, type GivenValues } from "./given.ts";
import { type Option, tomlPathOf } from "./option.ts";
import { OPTIONS, PEER_NAME } from "./options.ts";
import {
  type Entry,
  isTable,
  type Piece,
  piecesOf,
  readTables,
  type Scalar,
  showKeys,
  showPlace,
  type Value,
} from "./toml_tables.ts";
import { describeKind, type LastingKind, readNetworks, readValue, ValueError } from "./values.ts";

/** The content of a TOML file. */
interface TomlFile {
  readonly given: Readonly<GivenValues>;
  /** Every [[peer]] in it. */
  readonly peers: readonly TomlPeer[];
  /** Whether it contains a secret, rather than the name of a secret's file. */
  readonly holdsSecret: boolean;
}

/** One [[peer]], and where it begins. */
export interface TomlPeer {
  readonly place: string;
  readonly given: Readonly<GivenValues>;
}

type TomlOption = Extract<Option, LastingKind>;

const ABOVE_PEERS = "the part above the first [[peer]]";

/** TOML types of values; those of the other kinds are strings. */
const TYPES: { readonly [K in TomlOption["kind"]]?: readonly Scalar["type"][] } = {
  flag: ["boolean"],
  integer: ["integer"],
  numberOrWord: ["integer", "string"],
  ports: ["integer"],
  mark: ["integer", "string"],
  duration: ["integer", "string"],
};

/** Options by TOML path, as formatted by `joined`. */
const ALL_KEYS = keysOf(OPTIONS);
const PEER_KEYS = keysOf([PEER_NAME, ...OPTIONS.filter(({ perPeer }) => perPeer)]);

function keysOf(options: readonly Option[]): ReadonlyMap<string, TomlOption> {
  return new Map(options.filter(isLasting).map((option) => [joined(tomlPathOf(option)!), option]));
}

function isLasting(option: Option): option is TomlOption {
  return !["command", "switch", "config", "count"].includes(option.kind);
}

function joined(keys: readonly string[]): string {
  return JSON.stringify(keys);
}

/**
 * Reads a configuration file.
 *
 * @param text the file's content
 * @param path its path: for messages, and to resolve relative paths in it
 * @param hub for a file about a single peer: the path of the configuration file it belongs to; else null
 * @param onMistake gets mistakes with line and column: invalid TOML, unknown keys and tables, and invalid values
 * @throws {SettingsError} the first one, unless `onMistake` says otherwise
 */
export function parseToml(
  text: string,
  path: string,
  hub: string | null = null,
  onMistake: OnMistake = THROW,
): TomlFile {
  const given: GivenValues = {};
  const peers: { place: string; given: GivenValues }[] = [];
  let holdsSecret = false;
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const readPiece = (piece: Piece) => {
    for (const { about, at, entries } of readTables(piece, hub !== null, onMistake)) {
      if (about === "new peer") peers.push({ place: showPlace(at, piece), given: {} });
      const [into, above] = about === "all" ? [given, hub] : [peers.at(-1)!.given, ABOVE_PEERS];
      const owner = about === "all" && hub === null ? null : into;
      for (const entry of entries) {
        attempt(onMistakeIn(entry, owner, onMistake), () => {
          const option = findOption(entry, piece, above);
          holdsSecret ||= option.secret === true;
          takeValue(into, option, entry, piece, folder);
        });
      }
    }
  };
  for (const piece of piecesOf(text, path)) attempt(onMistake, () => readPiece(piece));
  return { given, peers, holdsSecret };
}

/** Tells with a mistake what part of the settings it leaves open. */
function onMistakeIn({ keys }: Entry, owner: object | null, onMistake: OnMistake): OnMistake {
  return ({ message }) => {
    const table = keys.slice(0, -1).join("-");
    const key = keys.at(-1) ?? "";
    const meant = ALL_KEYS.has(joined(keys)) ? { table, key } : guessKey(table, key) ?? { table, key };
    const isMode = meant.table === "" && ["server", "client"].includes(meant.key);
    onMistake(new UnusableError(message, { table: isMode ? "server" : meant.table, owner }));
  };
}

/** @param above where keys belong that are not per peer; null: all keys are allowed here */
function findOption({ keys, at }: Entry, piece: Piece, above: string | null): TomlOption {
  const path = joined(keys);
  const option = (above === null ? ALL_KEYS : PEER_KEYS).get(path);
  if (option !== undefined) return option;
  const [shown, place] = [showKeys(keys), showPlace(at, piece)];
  if (ALL_KEYS.has(path)) {
    throw new SettingsError(`Cannot use ${shown} at ${place} for one peer: it belongs in ${above}`);
  }
  throw keyError(keys, shown, place, above !== null);
}

/** Does not show the value: under a wrong key it may be a secret. */
function keyError(keys: readonly string[], shown: string, place: string, isOfPeer: boolean): SettingsError {
  const [first] = keys;
  if (isTable(keys)) {
    return new SettingsError(`Cannot give ${shown} a value at ${place}: it is a table, [${shown}]`);
  }
  if (first === "peer" && !isOfPeer) {
    return new SettingsError(`Cannot give ${shown} a value at ${place}: write each peer as [[peer]]`);
  }
  const table = keys.slice(0, -1).join("-");
  const cure = suggestKey(table, keys.at(-1) ?? "", isOfPeer);
  return new SettingsError(`Unknown key ${shown} at ${place}: ${cure}`);
}

function takeValue(
  given: GivenValues,
  option: TomlOption,
  { keys, value }: Entry,
  piece: Piece,
  folder: string,
): void {
  const place = `${keys.join(".")} at ${showPlace(value.at, piece)}`;
  try {
    read(option, value, folder, assignTo(given, option, place, false));
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    const shown = value.type === "string" ? quote(value.text) : cutLong(value.text);
    throw new SettingsError(
      `Cannot use ${option.secret || error.isSecret ? HIDDEN : shown} as ${place}: ${error.message}`,
    );
  }
}

function read(option: TomlOption, value: Value, folder: string, assign: Assign): void {
  if (option.kind === "networks") {
    if (value.type !== "list") throw wrongTypeError(option, value);
    return assign(option.slot, readNetworks(option, value.items.map((item) => textOf(option, item))));
  }
  const isList = ["ports", "remote"].includes(option.kind) && value.type === "list";
  const items = isList ? value.items : [value];
  const text = items.map((item) => textOf(option, item)).join(",");
  if (option.kind !== "flag") return readValue(option, text, folder, assign);
  // `--no-KEY` is `KEY = false`.
  const isGiven = text === String(!option.long?.startsWith("no-"));
  assign(option.slot, isGiven ? option.gives : !option.gives);
}

/** A value as the command line takes it. @throws {ValueError} when it has not the TOML type of its option */
function textOf(option: TomlOption, value: Scalar): string {
  if (!(TYPES[option.kind] ?? ["string"]).includes(value.type)) throw wrongTypeError(option, value);
  return value.type === "integer" ? String(BigInt(value.text)) : value.text;
}

function wrongTypeError(option: TomlOption, { type }: Scalar): ValueError {
  const bare = type === "string" ? ", without quotes" : "";
  const quoted = option.kind === "networks" ? ", each in quotes, in a list" : ", in quotes";
  return new ValueError(`must be ${describeKind(option)}${option.kind in TYPES ? bare : quoted}`);
}
