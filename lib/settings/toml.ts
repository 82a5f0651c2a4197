import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import { nearest, suggestKey } from "./did_you_mean.ts";
import { cutLong, HIDDEN, quote, SettingsError, showPath } from "./errors.ts";
import { type Assign, assignTo, type GivenValues } from "./given.ts";
import { type Option, TOML_TABLES, tomlPathOf } from "./option.ts";
import { OPTIONS } from "./options.ts";
import { describeKind, type LastingKind, readInteger, readValue, Refusal } from "./values.ts";

/** What one TOML file gave. */
interface TomlFile {
  readonly given: Readonly<GivenValues>;
  /** Whether a secret itself stands in it, not just the name of its file. */
  readonly holdsSecret: boolean;
}

type TomlOption = Extract<Option, LastingKind>;

/** One `key = value`, with its tables before it in `keys`. */
interface Entry {
  readonly keys: readonly string[];
  readonly key: AST.TOMLKey;
  readonly value: AST.TOMLContentNode;
}

/**
 * Reads a configuration file.
 *
 * @param text the file's content
 * @param path where it lies: for messages, and to find files named in it by a relative path
 * @throws {SettingsError} with line and column, for what is no TOML, for keys and tables that do not exist,
 * and for values that cannot be taken
 */
export function parseToml(text: string, path: string): TomlFile {
  const given: GivenValues = {};
  let holdsSecret = false;
  for (const { keys, key, value } of entries(parse(text, path), path)) {
    const option = findOption(keys);
    if (option === undefined) throw refuseKey(keys, placeOf(key, path));
    const place = `${showKeys(keys)} at ${placeOf(value, path)}`;
    try {
      readNode(
        option,
        value,
        path.slice(0, path.lastIndexOf("/") + 1),
        assignTo(given, option, place, false),
      );
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new SettingsError(
        `Cannot use ${option.secret ? HIDDEN : show(value)} as ${place}: ${error.message}`,
      );
    }
    holdsSecret ||= option.secret === true;
  }
  return { given, holdsSecret };
}

function parse(text: string, path: string): AST.TOMLTopLevelTable {
  try {
    return parseTOML(text, { tomlVersion: "1.0" }).body[0];
  } catch (error) {
    // The parser is recursive: what else it throws is the stack's end.
    if (error instanceof RangeError) {
      throw new SettingsError(`Cannot read ${showPath(path)} as TOML: it is nested too deeply`);
    }
    if (!(error instanceof ParseError)) throw error;
    const place = `${showPath(path)}:${error.lineNumber}:${error.column + 1}`;
    const reason = error.message.charAt(0).toLowerCase() + error.message.slice(1);
    throw new SettingsError(`Cannot read ${place} as TOML: ${reason}`);
  }
}

function placeOf(node: AST.TOMLNode, path: string): string {
  return `${showPath(path)}:${node.loc.start.line}:${node.loc.start.column + 1}`;
}

function namesOf(key: AST.TOMLKey): string[] {
  return key.keys.map((part) => part.type === "TOMLBare" ? part.name : part.value);
}

function showKeys(keys: readonly string[]): string {
  return cutLong(keys.map((key) => /^[\w-]+$/.test(key) ? key : quote(key)).join("."));
}

function isTable(keys: readonly string[]): boolean {
  return keys.length === 1 && TOML_TABLES.some((table) => table === keys[0]);
}

function* entries(top: AST.TOMLTopLevelTable, path: string): Generator<Entry> {
  for (const node of top.body) {
    if (node.type === "TOMLKeyValue") {
      yield* flatten([], node);
      continue;
    }
    const table = namesOf(node.key);
    if (node.kind === "array" || !isTable(table)) throw refuseTable(node, table, placeOf(node, path));
    for (const entry of node.body) yield* flatten(table, entry);
  }
}

/** `fou = { local-port = 1 }` is the same as `fou.local-port = 1`. */
function* flatten(above: readonly string[], node: AST.TOMLKeyValue): Generator<Entry> {
  const keys = [...above, ...namesOf(node.key)];
  if (node.value.type !== "TOMLInlineTable" || !isTable(keys)) {
    yield { keys, key: node.key, value: node.value };
    return;
  }
  for (const entry of node.value.body) yield* flatten(keys, entry);
}

function findOption(keys: readonly string[]): TomlOption | undefined {
  return OPTIONS.filter(isLasting).find((option) => {
    const path = tomlPathOf(option);
    return path?.length === keys.length && path.every((key, index) => key === keys[index]);
  });
}

function isLasting(option: Option): option is TomlOption {
  return !["command", "switch", "config", "count"].includes(option.kind);
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
  if (option.kind === "duration" && scalar?.kind === "integer") {
    return readValue(option, String(scalar.bigint), folder, assign);
  }
  if (scalar?.kind !== "string") throw wrongType(option, scalar);
  readValue(option, scalar.value, folder, assign);
}

function wrongType(option: TomlOption, scalar: AST.TOMLValue | null): Refusal {
  const mustBe = `must be ${describeKind(option)}`;
  if (option.kind === "duration") return new Refusal(mustBe);
  if (option.kind !== "flag" && option.kind !== "integer") return new Refusal(`${mustBe}, in quotes`);
  return new Refusal(scalar?.kind === "string" ? `${mustBe}, without quotes` : mustBe);
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

/** The value is not shown: under a wrong key it may be a secret. */
function refuseKey(keys: readonly string[], place: string): SettingsError {
  const shown = showKeys(keys);
  if (isTable(keys)) {
    return new SettingsError(`Cannot give ${shown} a value at ${place}: it is a table, [${shown}]`);
  }
  const table = keys.slice(0, -1).join("-");
  return new SettingsError(`Unknown key ${shown} at ${place}: ${suggestKey(table, keys.at(-1) ?? "")}`);
}

function refuseTable(node: AST.TOMLTable, table: readonly string[], place: string): SettingsError {
  const shown = showKeys(table);
  if (isTable(table)) {
    return new SettingsError(`Cannot use [[${shown}]] at ${place}: write it once, as [${shown}]`);
  }
  const near = nearest(shown, TOML_TABLES);
  const cure = near === undefined
    ? `the tables are ${TOML_TABLES.map((name) => `[${name}]`).join(" ")}`
    : `did you mean [${near}]?`;
  return new SettingsError(
    `Unknown table ${node.kind === "array" ? `[[${shown}]]` : `[${shown}]`} at ${place}: ${cure}`,
  );
}
