import { type Option, TOML_TABLES, tomlPathOf } from "../../lib/settings/option.ts";
import { describeKind, type LastingKind } from "../../lib/settings/values.ts";
import { type Block, bold, italic } from "./roff.ts";

/** An option that has a key in TOML. */
type Keyed = Extract<Option, LastingKind> & { readonly long: string };

/** A key of the configuration file, with its options. */
interface Key {
  /** Null for a key above the first table. */
  readonly table: string | null;
  readonly name: string;
  /** The key is named after the first. */
  readonly options: readonly [Keyed, ...Keyed[]];
}

/** Kinds whose metavar already says what the value must be. */
const PLAIN: ReadonlySet<Option["kind"]> = new Set(["text", "secretFile", "local", "remote"]);

/** The entry of an option of the command line. */
export function optionEntry(option: Option): Block {
  const names = [
    ...option.short === undefined ? [] : [bold(`-${option.short}`)],
    ...option.long === null ? [] : [bold(`--${option.long}`)],
  ].join(", ");
  const tag = option.metavar === undefined ? names : `${names} ${italic(option.metavar)}`;
  return { tag, text: [sentences(option.help, ...notes(option))] };
}

/** The entries of all keys: those above the first table, then each table under a heading. */
export function keyEntries(options: readonly Option[]): Block[] {
  const keys = keysOf(options);
  return [null, ...TOML_TABLES].flatMap((table) => [
    { heading: table === null ? "Above the first table" : `[${table}]` },
    ...keys.filter((key) => key.table === table).map((key) => keyEntry(key, options)),
  ]);
}

function keysOf(options: readonly Option[]): Key[] {
  const keys = new Map<string, Key>();
  for (const option of options) {
    const path = tomlPathOf(option);
    if (path === null || !isKeyed(option)) continue;
    const id = path.join(".");
    const known = keys.get(id);
    const [name = "", table = null] = path.toReversed();
    keys.set(id, { table, name, options: known === undefined ? [option] : [...known.options, option] });
  }
  return [...keys.values()];
}

function isKeyed(option: Option): option is Keyed {
  return option.long !== null && !["command", "switch", "config", "count"].includes(option.kind);
}

function keyEntry({ name, options }: Key, all: readonly Option[]): Block {
  const [option] = options;
  const tag = `${bold(name)} = ${valueOf(option)}`;
  if (option.kind === "flag") return { tag, text: [flagText(options, hasRival(option, all))] };
  const value = PLAIN.has(option.kind) ? [] : [`Value: ${describeKind(option)}`];
  return {
    tag,
    text: [
      sentences(option.help, ...value, ...notes(option), `Option: ${named(option)}`, ...peerNote(option)),
    ],
  };
}

/** Shows how a key's value is written. */
function valueOf(option: Keyed): string {
  const metavar = option.metavar ?? "";
  const one = italic(metavar.replace(/\[,.*/, ""));
  switch (option.kind) {
    case "flag":
      return `${bold("true")} | ${bold("false")}`;
    case "integer":
    case "mark":
    case "duration":
      return one;
    case "ports":
      return `${one} | [${one}, ...]`;
    case "networks":
      return `["${one}", ...]`;
    default:
      return `"${italic(metavar)}"`;
  }
}

/** Tells whether another key sets the same value, so that neither has its own default. */
function hasRival(option: Keyed & { readonly kind: "flag" }, all: readonly Option[]): boolean {
  const keys = keysOf(all).filter(({ options: [other] }) =>
    other.kind === "flag" && other.slot === option.slot
  );
  return keys.length > 1;
}

function flagText(options: Key["options"], isShared: boolean): string {
  const isNegative = ({ long }: Keyed) => long.startsWith("no-");
  const meanings = options.map((option) => `\`${!isNegative(option)}\`, as ${named(option)}: ${option.help}`);
  const [option] = options;
  const implied = option.default === undefined && !isShared ? [`Default: \`${isNegative(option)}\``] : [];
  return sentences(...meanings, ...notes(option), ...implied, ...peerNote(option));
}

function peerNote({ perPeer }: Option): string[] {
  return perPeer ? ["Also in `[[peer]]`"] : [];
}

function named({ short, long }: Keyed): string {
  return short === undefined ? `\`--${long}\`` : `\`-${short}\`, \`--${long}\``;
}

function notes(option: Option): string[] {
  return [
    ...option.mode === undefined ? [] : [`Only for a ${option.mode}`],
    ...option.default === undefined ? [] : [`Default: ${option.default}`],
  ];
}

function sentences(...all: readonly string[]): string {
  return all.map((sentence) => `${sentence}.`).join(" ");
}
