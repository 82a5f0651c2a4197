import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import { nearest } from "./did_you_mean.ts";
import { cutLong, lowerFirst, quote, SettingsError, showPath } from "./errors.ts";
import { TOML_TABLES } from "./option.ts";

// Matches at the beginning of a line of TOML. `^` would also match after other line separators within strings.
const PEER_REGEXP = /(?<![^\n])[ \t]*\[\[[ \t]*peer[ \t]*\]\]/g;
const OTHER_TABLE_REGEXP = /(?<![^\n])[ \t]*\[(?!\[?[ \t]*peer[ \t]*[\].])/;

/** A piece of a TOML file that can be parsed on its own. */
export interface Piece {
  readonly path: string;
  readonly text: string;
  /** Lines of the file before it. */
  readonly linesBefore: number;
}

/** A position in a piece. */
interface Position {
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 0. */
  readonly column: number;
}

/** What a table applies to: everything, a peer that begins here, or the peer that began before. */
type About = "all" | "new peer" | "peer";

/** A table of a file. The keys above the first table count as one. */
interface Table {
  readonly about: About;
  readonly at: Position;
  readonly entries: Iterable<Entry>;
}

/** One `key = value`. */
interface Entry {
  /** The key's parts, preceded by its tables, without `peer`. */
  readonly keys: readonly string[];
  readonly key: AST.TOMLKey;
  readonly value: AST.TOMLContentNode;
}

/** Counts the [[peer]] tables of a file without parsing it. */
export function countPeers(text: string): number {
  return text.match(PEER_REGEXP)?.length ?? 0;
}

/**
 * Splits a file before each [[peer]], because parsing takes some four hundred times the memory of the text. A file that
 * cannot be split without parsing it stays whole.
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
 * Reads the tables of a piece one by one.
 *
 * @param isPeer whether the file describes a single peer, and so cannot have [[peer]]
 * @throws {SettingsError} with line and column, for invalid TOML and unknown tables
 */
export function* readTables(piece: Piece, isPeer: boolean): Generator<Table> {
  const { loc, body } = parse(piece);
  const pairs = body.filter((node) => node.type === "TOMLKeyValue");
  yield { about: "all", at: loc.start, entries: flatten([], pairs) };
  for (const node of body.filter((node) => node.type === "TOMLTable")) {
    const at = node.loc.start;
    const [first, index, ...rest] = node.resolvedKey;
    const isOfPeer = !isPeer && first === "peer" && typeof index === "number";
    const table = isOfPeer ? rest : node.resolvedKey;
    if (isTable(table)) yield { about: isOfPeer ? "peer" : "all", at, entries: flatten(table, node.body) };
    else if (isOfPeer && table.length === 0) yield { about: "new peer", at, entries: flatten([], node.body) };
    else throw tableError(node, showPlace(at, piece), isPeer);
  }
}

function parse({ path, text, linesBefore }: Piece): AST.TOMLTopLevelTable {
  try {
    return parseTOML(text, { tomlVersion: "1.0" }).body[0];
  } catch (error) {
    // The parser is recursive and can exhaust the stack.
    if (error instanceof RangeError) {
      throw new SettingsError(`Cannot read ${showPath(path)} as TOML: it is nested too deeply`);
    }
    if (!(error instanceof ParseError)) throw error;
    const place = `${showPath(path)}:${linesBefore + error.lineNumber}:${error.column + 1}`;
    throw new SettingsError(`Cannot read ${place} as TOML: ${lowerFirst(error.message)}`);
  }
}

/** Formats a position as `/etc/ipipou/x.toml:3:14`. */
export function showPlace({ line, column }: Position, { path, linesBefore }: Piece): string {
  return `${showPath(path)}:${linesBefore + line}:${column + 1}`;
}

/** Formats a key as it can be written in TOML. */
export function showKeys(keys: readonly string[]): string {
  return cutLong(keys.map((key) => /^[\w-]+$/.test(key) ? key : quote(key)).join("."));
}

/** Tells whether some options have their keys in a table of this name. */
export function isTable(keys: readonly (string | number)[]): keys is [string] {
  return keys.length === 1 && TOML_TABLES.some((table) => table === keys[0]);
}

function namesOf(key: AST.TOMLKey): string[] {
  return key.keys.map((part) => part.type === "TOMLBare" ? part.name : part.value);
}

/** Treats `fou = { local-port = 1 }` like `fou.local-port = 1`. */
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
      `Cannot use ${shown} at ${place}: the file describes one peer, give only its keys`,
    );
  }
  const near = /^peers?$/.test(name) ? "[peer]" : nearest(name, TOML_TABLES);
  const tables = `the tables are ${TOML_TABLES.map((table) => `[${table}]`).join(" ")}`;
  const cure = near === undefined ? `${tables}${isPeer ? "" : " [[peer]]"}` : `did you mean [${near}]?`;
  return new SettingsError(`Unknown table ${shown} at ${place}: ${cure}`);
}
