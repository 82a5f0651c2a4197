import type { AST } from "toml-eslint-parser";
import { Recall } from "../recall.ts";
import { suggestKey } from "./did_you_mean.ts";
import { HIDDEN, quote, SettingsError } from "./errors.ts";
import { type Assign, assignTo, type GivenValues } from "./given.ts";
import { type Option, type Slot, tomlPathOf } from "./option.ts";
import { OPTIONS, PEER_NAME } from "./options.ts";
import {
  type About,
  isTable,
  type Piece,
  piecesOf,
  placeOf,
  type Position,
  readTables,
  showKeys,
} from "./toml_tables.ts";
import {
  describeKind,
  type LastingKind,
  readInteger,
  readNetworks,
  readPorts,
  readValue,
  Refusal,
} from "./values.ts";

/** What one TOML file gave. */
interface TomlFile {
  readonly given: Readonly<GivenValues>;
  /** What its [[peer]] gave, each with its place. */
  readonly peers: readonly TomlPeer[];
  /** Whether a secret itself stands in it, not just the name of its file. */
  readonly holdsSecret: boolean;
  /** The same object as before where the same was read. */
  readonly origin: object;
}

/** One [[peer]], and where it begins. */
export interface TomlPeer {
  readonly place: string;
  readonly given: Readonly<GivenValues>;
  /** The same object as before where the same was read. */
  readonly origin: object;
}

/** One value of a piece, wherever the piece lies. */
interface Said {
  readonly option: TomlOption;
  readonly slot: Slot;
  readonly value: unknown;
  /** Its key, as it can be written. */
  readonly key: string;
  readonly at: Position;
}

/** One table of a piece, wherever the piece lies. */
export interface SaidTable {
  readonly about: About;
  readonly at: Position;
  readonly said: readonly Said[];
}

type TomlOption = Extract<Option, LastingKind>;

const ABOVE_PEERS = "the part above the first [[peer]]";

/** Options by their TOML paths, as `joined` writes them. */
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
 * @param path where it lies: for messages, and to find files named in it by a relative path
 * @param hub the file that this one, about a single peer, belongs to; null: it is no such file
 * @param known what was read of pieces of files before
 * @throws {SettingsError} with line and column, for what is no TOML, for keys and tables that do not exist,
 * and for values that cannot be taken
 */
export function parseToml(
  text: string,
  path: string,
  hub: string | null = null,
  known = new Recall<readonly SaidTable[]>(),
): TomlFile {
  const given: GivenValues = {};
  const peers: { place: string; given: GivenValues; origin: object }[] = [];
  let holdsSecret = false;
  let origin: object = {};
  for (const piece of piecesOf(text, path)) {
    const key = JSON.stringify([path, hub, piece.text]);
    const tables = origin = known.get(key, () => readPiece(piece, hub));
    for (const table of tables) {
      if (table.about === "new peer") {
        peers.push({ place: placeOf(table.at, piece), given: {}, origin: table });
      }
      const into = table.about === "all" ? given : peers.at(-1)!.given;
      for (const { option, slot, value, key, at } of table.said) {
        // What slot and value have to do with each other was seen to when they were read.
        assignTo(into, option, `${key} at ${placeOf(at, piece)}`, false)(slot, value as never);
        holdsSecret ||= option.secret === true;
      }
    }
  }
  return { given, peers, holdsSecret, origin };
}

function readPiece(piece: Piece, hub: string | null): SaidTable[] {
  return Array.from(readTables(piece, hub !== null), ({ about, at, entries }) => {
    const above = about === "all" ? hub : ABOVE_PEERS;
    const said = Array.from(entries, ({ keys, key, value }) => {
      const option = findOption(keys, placeOf(key.loc.start, piece), above);
      return takeNode(option, showKeys(keys), value, piece);
    });
    return { about, at, said: said.flat() };
  });
}

/** @param above where a key belongs that is not about one peer; null: any key can stand here */
function findOption(keys: readonly string[], place: string, above: string | null): TomlOption {
  const path = joined(keys);
  const option = (above === null ? ALL_KEYS : PEER_KEYS).get(path);
  if (option !== undefined) return option;
  const shown = showKeys(keys);
  if (ALL_KEYS.has(path)) {
    throw new SettingsError(`Cannot use ${shown} at ${place} for one peer: it belongs in ${above}`);
  }
  throw refuseKey(keys, shown, place, above !== null);
}

/** The value is not shown: under a wrong key it may be a secret. */
function refuseKey(keys: readonly string[], shown: string, place: string, isOfPeer: boolean): SettingsError {
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

function takeNode(option: TomlOption, key: string, node: AST.TOMLContentNode, piece: Piece): Said[] {
  const folder = piece.path.slice(0, piece.path.lastIndexOf("/") + 1);
  const at = node.loc.start;
  const said: Said[] = [];
  try {
    readNode(option, node, folder, (slot, value) => said.push({ option, slot, value, key, at }));
    return said;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new SettingsError(
      `Cannot use ${option.secret ? HIDDEN : show(node)} as ${key} at ${
        placeOf(at, piece)
      }: ${error.message}`,
    );
  }
}

function readNode(option: TomlOption, node: AST.TOMLContentNode, folder: string, assign: Assign): void {
  const scalar = node.type === "TOMLValue" ? node : null;
  if (option.kind === "flag") {
    if (scalar?.kind !== "boolean") throw wrongType(option, scalar);
    const whenTrue = option.long?.startsWith("no-") ? !option.gives : option.gives;
    return assign(option.slot, scalar.value ? whenTrue : !whenTrue);
  }
  if (option.kind === "integer") {
    if (scalar?.kind !== "integer") throw wrongType(option, scalar);
    return assign(option.slot, readInteger(option, scalar.value));
  }
  if (option.kind === "ports") return assign(option.slot, readPorts(option, portsOf(option, node)));
  if (option.kind === "networks") return assign(option.slot, readNetworks(option, textsOf(option, node)));
  if (option.kind === "duration" && scalar?.kind === "integer") {
    return readValue(option, String(scalar.bigint), folder, assign);
  }
  if (scalar?.kind !== "string") throw wrongType(option, scalar);
  readValue(option, scalar.value, folder, assign);
}

function portsOf(option: TomlOption, node: AST.TOMLContentNode): number[] {
  return (node.type === "TOMLArray" ? node.elements : [node]).map((item) => {
    if (item.type === "TOMLValue" && item.kind === "integer") return item.value;
    throw wrongType(option, item.type === "TOMLValue" ? item : null);
  });
}

function textsOf(option: TomlOption, node: AST.TOMLContentNode): string[] {
  if (node.type !== "TOMLArray") throw wrongType(option, null);
  return node.elements.map((item) => {
    if (item.type === "TOMLValue" && item.kind === "string") return item.value;
    throw wrongType(option, null);
  });
}

function wrongType(option: TomlOption, scalar: AST.TOMLValue | null): Refusal {
  const mustBe = `must be ${describeKind(option)}`;
  switch (option.kind) {
    case "duration":
      return new Refusal(mustBe);
    case "networks":
      return new Refusal(`${mustBe}, each in quotes, in a list`);
    case "flag":
    case "integer":
    case "ports":
      return new Refusal(scalar?.kind === "string" ? `${mustBe}, without quotes` : mustBe);
    default:
      return new Refusal(`${mustBe}, in quotes`);
  }
}

function show(node: AST.TOMLContentNode): string {
  if (node.type === "TOMLArray") return "a list";
  if (node.type === "TOMLInlineTable") return "a table";
  switch (node.kind) {
    case "string":
      return quote(node.value);
    case "boolean":
      return String(node.value);
    case "integer":
    case "float":
      return node.number;
    default:
      return node.datetime;
  }
}
