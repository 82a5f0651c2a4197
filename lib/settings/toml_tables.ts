import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import { nearest } from "./did_you_mean.ts";
import {
  cutLong,
  type OnMistake,
  quote,
  SettingsError,
  showPath,
  THROW,
  TomlSyntaxError,
  UnusableError,
} from "./errors.ts";
import { TOML_TABLES } from "./option.ts";
import { reword } from "./toml_words.ts";

// Matches at the beginning of a line of TOML. `^` would also match after other line separators within strings.
const PEER_REGEXP = /(?<![^\n])[ \t]*\[\[[ \t]*peer[ \t]*\]\]/g;
const OTHER_TABLE_REGEXP = /(?<![^\n])[ \t]*\[(?!\[?[ \t]*peer[ \t]*[\].])/;

const TEXT = String.raw`"[ !#-\[\]-~]*"`;
const VALUE = String.raw`${TEXT}|\[${TEXT}(?:, *${TEXT})*\]|true|false|0|[1-9]\d*`;
const KEY = String.raw`(?:(?:${TOML_TABLES.join("|")})\.)?[\w-]+`;
const END = String.raw`[ \t]*(?:#[ -~]*)?$`;
// Plain lines: without escapes, tables and anything else that is rare.
const PLAIN_BLANK_REGEXP = new RegExp(`^${END}`);
const PLAIN_PEER_REGEXP = new RegExp(String.raw`^([ \t]*)\[\[peer\]\]${END}`);
const PLAIN_ENTRY_REGEXP = new RegExp(String.raw`^(([ \t]*)(${KEY})[ \t]*=[ \t]*)(${VALUE})${END}`);

// What the parser has read when it misses the end of a table's name, or reads a value without quotes.
const OPEN_TABLE_REGEXP = /^[ \t]*\[\[?[^[\]{}=#]*/;
const OPEN_TABLE_END_REGEXP = /^(\]?)\s*(?:#.*)?$/s;
const UNQUOTED_REGEXP = /(?<=[=[,][ \t]*)[^\s"'=[\]{},#]+$/;

/** So many mistakes of a piece are found at once. */
const MOST_SYNTAX_ERRORS = 20;
// A line that others do not go on: without brackets and quotes.
const LINE_REGEXP = /^[^[\]{}"']*$/;

const UNQUOTED = "text must be in quotes; only numbers, true and false go without";

/** A piece of a TOML file that can be parsed on its own. */
export interface Piece {
  /** The file's path, as messages show it. */
  readonly file: string;
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

/** A table of a file. The keys above the first table count as one. */
interface Table {
  /** What it applies to: everything, a peer that begins here, or the peer that began before. */
  readonly about: "all" | "new peer" | "peer";
  readonly at: Position;
  readonly entries: Iterable<Entry>;
}

/** One `key = value`. */
export interface Entry {
  /** The key's parts, preceded by its tables, without `peer`. */
  readonly keys: readonly string[];
  readonly at: Position;
  readonly value: Value;
}

/** A value, or an item of a list. */
export interface Scalar {
  readonly type: AST.TOMLValue["kind"] | "list" | "table";
  /** The content of a string; a list or table in words; anything else as it is written, without `_`. */
  readonly text: string;
}

/** The value of a key. */
export interface Value extends Scalar {
  readonly at: Position;
  /** The items of a list. */
  readonly items: readonly Scalar[];
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
  const file = showPath(path);
  let linesBefore = 0;
  return starts.map((start, index) => {
    const piece = { file, text: text.slice(start, starts[index + 1]), linesBefore };
    linesBefore += piece.text.split("\n").length - 1;
    return piece;
  });
}

/**
 * Reads the tables of a piece one by one.
 *
 * @param isPeer whether the file describes a single peer, and so cannot have [[peer]]
 * @param onMistake gets unknown tables, which are then left out
 * @throws {SettingsError} with line and column, for invalid TOML
 */
export function* readTables(piece: Piece, isPeer: boolean, onMistake: OnMistake = THROW): Generator<Table> {
  const plain = readPlain(piece.text, isPeer);
  if (plain !== null) return yield plain;
  const { loc, body } = parse(piece, onMistake);
  const pairs = body.filter((node) => node.type === "TOMLKeyValue");
  yield { about: "all", at: loc.start, entries: flatten([], pairs) };
  for (const node of body.filter((node) => node.type === "TOMLTable")) {
    const at = node.loc.start;
    const [first, index, ...rest] = node.resolvedKey;
    const isOfPeer = !isPeer && first === "peer" && typeof index === "number";
    const table = isOfPeer ? rest : node.resolvedKey;
    if (isTable(table)) yield { about: isOfPeer ? "peer" : "all", at, entries: flatten(table, node.body) };
    else if (isOfPeer && table.length === 0) yield { about: "new peer", at, entries: flatten([], node.body) };
    else onMistake(tableError(node, showPlace(at, piece), isPeer));
  }
}

/**
 * Reads a piece of plain lines, as most peers are, in a tenth of the time that the parser takes.
 *
 * @returns null for any other piece
 */
function readPlain(text: string, isPeer: boolean): Table | null {
  const lines = text.split("\n");
  const header = PLAIN_PEER_REGEXP.exec(lines[0]!);
  if (header !== null && isPeer) return null;
  const entries = new Map<string, Entry>();
  for (const [index, content] of lines.entries()) {
    if (PLAIN_BLANK_REGEXP.test(content) || index === 0 && header !== null) continue;
    const [, start = "", indent = "", key = "", value = ""] = PLAIN_ENTRY_REGEXP.exec(content) ?? [];
    if (key === "" || isTable([key]) || entries.has(key)) return null;
    const line = index + 1;
    const items = value.startsWith("[") ? value.match(/"[^"]*"/g)!.map(plainScalar) : [];
    entries.set(key, {
      keys: key.split("."),
      at: { line, column: indent.length },
      value: { ...plainScalar(value), at: { line, column: start.length }, items },
    });
  }
  const at = { line: 1, column: header?.[1]?.length ?? 0 };
  return { about: header === null ? "all" : "new peer", at, entries: entries.values() };
}

function plainScalar(value: string): Scalar {
  if (value.startsWith('"')) return { type: "string", text: value.slice(1, -1) };
  if (value.startsWith("[")) return { type: "list", text: "a list" };
  return { type: /^\d/.test(value) ? "integer" : "boolean", text: value };
}

/** Where mistakes are not thrown, it goes on without the lines that have them, as long as others do not depend on those. */
function parse(piece: Piece, onMistake: OnMistake): AST.TOMLTopLevelTable {
  const lines = piece.text.split("\n");
  for (let count = 1;; count++) {
    const text = lines.join("\n");
    try {
      return parseTOML(text, { tomlVersion: "1.0" }).body[0];
    } catch (error) {
      // The parser is recursive and can exhaust the stack.
      if (error instanceof RangeError) {
        throw new TomlSyntaxError(`Cannot read ${piece.file} as TOML: it is nested too deeply`);
      }
      if (!(error instanceof ParseError)) throw error;
      const [at, what] = explain(error, text);
      const mistake = new TomlSyntaxError(`Cannot read ${showPlace(at, piece)} as TOML: ${what}`);
      const isOfLine = LINE_REGEXP.test(lines[at.line - 1] ?? "");
      if (!isOfLine || count === MOST_SYNTAX_ERRORS) throw mistake;
      onMistake(mistake);
      lines[at.line - 1] = "";
    }
  }
}

/** Where the mistake is, and what it is. Shows none of the text, which may be secret. */
function explain({ message, index, lineNumber, column }: ParseError, text: string): [Position, string] {
  const end = /table-key|same line/.test(message) ? endOfOpenTable(text.slice(0, index)) : null;
  if (end !== null) return [end, "a table's name ends with ], as in [fou] or [[peer]]"];
  // The parser names the next line.
  if (/same line/.test(message)) {
    return [endOfLastLine(text.slice(0, index)), reword("Expected equal (=) token")];
  }
  if (/character$|newline$|comma/.test(message)) {
    const unquoted = UNQUOTED_REGEXP.exec(text.slice(0, index + 1));
    if (unquoted !== null) return [positionAt(unquoted.index, text), UNQUOTED];
    const list = startOfOpenList(text, index);
    if (list !== null) return [positionAt(list, text), "this list does not end: it needs a ]"];
  }
  const what = /newline$/.test(message)
    ? "nothing may follow here on this line; text must be in quotes"
    : reword(message);
  return [{ line: lineNumber, column }, what];
}

/** Where a list begins that goes on to a later line; null: none does. */
function startOfOpenList(text: string, end: number): number | null {
  const start = text.lastIndexOf("[", end - 1);
  const list = text.slice(start, end);
  const before = text.slice(text.lastIndexOf("\n", start) + 1, start);
  return start >= 0 && /=[ \t]*$/.test(before) && list.includes("\n") && !/[\]#=]/.test(list) ? start : null;
}

function endOfLastLine(text: string): Position {
  const lines = text.split("\n");
  const line = lines.findLastIndex((content) => content.trim() !== "");
  return { line: line + 1, column: (lines[line] ?? "").trimEnd().length };
}

function positionAt(index: number, text: string): Position {
  const lines = text.slice(0, index).split("\n");
  return { line: lines.length, column: lines.at(-1)!.length };
}

/** Where the last line ends, if that is the name of a table that does not end. Blank lines and comments do not count. */
function endOfOpenTable(text: string): Position | null {
  const lines = text.split("\n");
  const line = lines.findLastIndex((content) => !/^\s*(?:#|$)/.test(content));
  const content = lines[line] ?? "";
  const [name] = OPEN_TABLE_REGEXP.exec(content) ?? [];
  const end = name === undefined ? null : OPEN_TABLE_END_REGEXP.exec(content.slice(name.length));
  return end === null ? null : { line: line + 1, column: `${name}${end[1]}`.trimEnd().length };
}

/** Formats a position as `/etc/ipipou/x.toml:3:14`. */
export function showPlace({ line, column }: Position, { file, linesBefore }: Piece): string {
  return `${file}:${linesBefore + line}:${column + 1}`;
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
    else yield { keys, at: key.loc.start, value: valueOf(value) };
  }
}

function valueOf(node: AST.TOMLContentNode): Value {
  const items = node.type === "TOMLArray" ? node.elements.map(scalarOf) : [];
  return { ...scalarOf(node), at: node.loc.start, items };
}

function scalarOf(node: AST.TOMLContentNode): Scalar {
  if (node.type === "TOMLArray") return { type: "list", text: "a list" };
  if (node.type === "TOMLInlineTable") return { type: "table", text: "a table" };
  const text = "number" in node ? node.number : "datetime" in node ? node.datetime : String(node.value);
  return { type: node.kind, text };
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
  const table = TOML_TABLES.find((table) => table === near) ?? null;
  return new UnusableError(`Unknown table ${shown} at ${place}: ${cure}`, { table, owner: null });
}
