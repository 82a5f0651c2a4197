import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import { nearest } from "./did_you_mean.ts";
import { cutLong, quote, SettingsError, showPath } from "./errors.ts";
import { TOML_TABLES } from "./option.ts";

// A line's beginning in TOML: `^` is one in the middle of some strings too.
const PEER_REGEXP = /(?<![^\n])[ \t]*\[\[[ \t]*peer[ \t]*\]\]/g;
const OTHER_TABLE_REGEXP = /(?<![^\n])[ \t]*\[(?!\[?[ \t]*peer[ \t]*[\].])/;

/** A piece of a TOML file that means the same alone. */
export interface Piece {
  readonly path: string;
  readonly text: string;
  /** Lines of the file before it. */
  readonly linesBefore: number;
}

/** Where something is in a piece. */
export interface Position {
  /** From 1 on. */
  readonly line: number;
  /** From 0 on. */
  readonly column: number;
}

/** What a table is about: `all`, a peer that begins here, or that peer still. */
export type About = "all" | "new peer" | "peer";

/** One table of a file: what is above the first one too, as one without a name. */
interface Table {
  readonly about: About;
  readonly at: Position;
  readonly entries: Iterable<Entry>;
}

/** One `key = value`. */
interface Entry {
  /** The key's parts, with its tables before it, the peer's own aside. */
  readonly keys: readonly string[];
  readonly key: AST.TOMLKey;
  readonly value: AST.TOMLContentNode;
}

/** Counts the [[peer]] of a file, without parsing it. */
export function countPeers(text: string): number {
  return text.match(PEER_REGEXP)?.length ?? 0;
}

/**
 * Cuts a file before each [[peer]], as parsing takes some four hundred times the memory of the text. A file where
 * that cannot be done without parsing it stays whole.
 */
export function piecesOf(text: string, path: string): Piece[] {
  const cuts = Array.from(text.matchAll(PEER_REGEXP), ({ index }) => index);
  const isSimple = !/"""|'''/.test(text) && !OTHER_TABLE_REGEXP.test(text.slice(cuts[0]));
  const starts = isSimple ? [0, ...cuts] : [0];
  let linesBefore = 0;
  return starts.map((start, index) => {
    const piece = { path, text: text.slice(start, starts[index + 1]), linesBefore };
    linesBefore += piece.text.split("\n").length - 1;
    return piece;
  });
}

/**
 * Reads the tables of a TOML file, one after the other.
 *
 * @param isPeer whether the file is about one peer, and has no [[peer]]
 * @throws {SettingsError} with line and column, for what is no TOML, and for tables that do not exist
 */
export function* readTables(piece: Piece, isPeer: boolean): Generator<Table> {
  const nodes = parse(piece).body;
  yield {
    about: "all",
    at: { line: 1, column: 0 },
    entries: flatten([], nodes.filter((node) => node.type === "TOMLKeyValue")),
  };
  let hasPeer = false;
  for (const node of nodes) {
    if (node.type === "TOMLKeyValue") continue;
    const at = node.loc.start;
    const [first, ...rest] = namesOf(node.key);
    const isOfPeer = !isPeer && first === "peer";
    const table = isOfPeer ? rest : [first!, ...rest];
    const begins = isOfPeer && table.length === 0 && node.kind === "array";
    hasPeer ||= begins;
    const isKnown = node.kind === "standard" && isTable(table) && (hasPeer || !isOfPeer);
    if (!begins && !isKnown) throw tableError(node, showPlace(at, piece), isPeer);
    yield {
      about: begins ? "new peer" : isOfPeer ? "peer" : "all",
      at,
      entries: flatten(table, node.body),
    };
  }
}

function parse({ path, text, linesBefore }: Piece): AST.TOMLTopLevelTable {
  try {
    return parseTOML(text, { tomlVersion: "1.0" }).body[0];
  } catch (error) {
    // The parser is recursive: what else it throws is the stack's end.
    if (error instanceof RangeError) {
      throw new SettingsError(`Cannot read ${showPath(path)} as TOML: it is nested too deeply`);
    }
    if (!(error instanceof ParseError)) throw error;
    const place = `${showPath(path)}:${linesBefore + error.lineNumber}:${error.column + 1}`;
    const reason = error.message.charAt(0).toLowerCase() + error.message.slice(1);
    throw new SettingsError(`Cannot read ${place} as TOML: ${reason}`);
  }
}

/** Where that is, as `/etc/ipipou/x.toml:3:14`. */
export function showPlace({ line, column }: Position, { path, linesBefore }: Piece): string {
  return `${showPath(path)}:${linesBefore + line}:${column + 1}`;
}

/** Shows a key as it can be written. */
export function showKeys(keys: readonly string[]): string {
  return cutLong(keys.map((key) => /^[\w-]+$/.test(key) ? key : quote(key)).join("."));
}

/** Tells whether options have their keys in a table of this name. */
export function isTable(keys: readonly string[]): boolean {
  return keys.length === 1 && TOML_TABLES.some((table) => table === keys[0]);
}

function namesOf(key: AST.TOMLKey): string[] {
  return key.keys.map((part) => part.type === "TOMLBare" ? part.name : part.value);
}

/** `fou = { local-port = 1 }` is the same as `fou.local-port = 1`. */
function* flatten(above: readonly string[], nodes: readonly AST.TOMLKeyValue[]): Generator<Entry> {
  for (const { key, value } of nodes) {
    const keys = [...above, ...namesOf(key)];
    if (value.type === "TOMLInlineTable" && isTable(keys)) yield* flatten(keys, value.body);
    else yield { keys, key, value };
  }
}

function tableError(node: AST.TOMLTable, place: string, isPeer: boolean): SettingsError {
  const names = namesOf(node.key);
  const name = showKeys(names);
  const shown = node.kind === "array" ? `[[${name}]]` : `[${name}]`;
  if (isTable(names)) {
    return new SettingsError(`Cannot use ${shown} at ${place}: write it once, as [${name}]`);
  }
  if (name === "peer" && isPeer) {
    return new SettingsError(
      `Cannot use ${shown} at ${place}: the file is about one peer, give its keys alone`,
    );
  }
  const near = /^peers?$/.test(name) ? "[peer]" : nearest(name, TOML_TABLES);
  const tables = `the tables are ${TOML_TABLES.map((table) => `[${table}]`).join(" ")}`;
  const cure = near === undefined ? `${tables}${isPeer ? "" : " [[peer]]"}` : `did you mean [${near}]?`;
  return new SettingsError(`Unknown table ${shown} at ${place}: ${cure}`);
}
