import { type Option, tomlPathOf } from "./option.ts";
import { OPTIONS, PEER_NAME } from "./options.ts";

const TOML_KEYS = OPTIONS.flatMap((option) => {
  const path = tomlPathOf(option);
  return path === null
    ? []
    : [{ long: option.long, table: path.slice(0, -1).join("."), key: path.at(-1) ?? "" }];
});
const PEER_NAME_KEY = tomlPathOf(PEER_NAME)![0]!;
const LONG_NAMES = longNamesOf(OPTIONS);
// Without a limit a whole file, given by mistake, would be compared with every name.
const LONGEST_COMPARED = 64;

function longNamesOf(options: readonly Option[]): string[] {
  return options.flatMap((option) => option.long ?? []);
}

/**
 * Suggests the one of `options` most like `name` (without hyphens): `did you mean --fou-local-port?`. If none is close,
 * says how to list them.
 *
 * @param help the command line that lists the options
 */
export function suggestOption(name: string, options: readonly Option[], help: string): string {
  const wanted = toKebab(name);
  const names = longNamesOf(options);
  const ending = names.filter((long) => long.endsWith(`-${wanted}`));
  const found = nearest(wanted, names) ?? (ending.length === 1 ? ending[0] : undefined);
  return found === undefined ? `${help} lists the options` : `did you mean --${found}?`;
}

/**
 * Suggests the TOML key most like `key` in `table` (empty: none): ``did you mean `dev` in [fou]?``. If none is close,
 * says how to list them.
 *
 * @param isOfPeer whether it is in a [[peer]], where a key of a table is best written as `fou.dev`
 */
export function suggestKey(table: string, key: string, isOfPeer: boolean): string {
  const found = guessKey(table, key);
  const isName = isOfPeer && table === "" && nearest(toKebab(key), [PEER_NAME_KEY]) !== undefined;
  if (found === undefined && isName) return `did you mean \`${PEER_NAME_KEY}\`?`;
  if (found === undefined) return elsewhere(joinedKey(table, key));
  const isAbove = found.table === "";
  if (found.table === table || isOfPeer && isAbove) return `did you mean \`${found.key}\`?`;
  if (isOfPeer) return `did you mean \`${found.table}.${found.key}\`?`;
  return `did you mean \`${found.key}\` ${isAbove ? "above the first [table]" : `in [${found.table}]`}?`;
}

/** The TOML key most like `key` in `table`; undefined if none is close. */
export function guessKey(table: string, key: string): { table: string; key: string } | undefined {
  const wanted = toKebab(key);
  const joined = joinedKey(table, key);
  const inTable = TOML_KEYS.filter((known) => known.table === table);
  const near = nearest(wanted, inTable.map((known) => known.key));
  const nearLong = nearest(joined, LONG_NAMES);
  return TOML_KEYS.find(({ long }) => long === wanted || long === joined) ??
    inTable.find((known) => known.key === near) ??
    TOML_KEYS.find((known) => known.key === wanted) ??
    TOML_KEYS.find(({ long }) => long === nearLong);
}

function joinedKey(table: string, key: string): string {
  return table === "" ? toKebab(key) : `${table}-${toKebab(key)}`;
}

function elsewhere(name: string): string {
  return OPTIONS.some((option) => option.long === name && tomlPathOf(option) === null)
    ? `--${name} can only be used on the command line`
    : "ipipou --help lists the options; --TABLE-KEY is KEY in [TABLE]";
}

/** The one of `names` with the least edit distance from `wanted`; undefined if none is close. */
export function nearest(wanted: string, names: readonly string[]): string | undefined {
  if (wanted.length > LONGEST_COMPARED) return undefined;
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  return names
    .map((name) => ({ name, distance: editDistance(wanted, name) }))
    // What has no letter in common is not alike.
    .filter(({ distance }) => distance <= limit && distance < wanted.length)
    .sort((a, b) => a.distance - b.distance)[0]?.name;
}

/** Turns `fouLocalPort` and `FOU_LOCAL_PORT` into `fou-local-port`. */
function toKebab(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, "$1-$2").replaceAll("_", "-").toLowerCase();
}

/** The Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)),
      );
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
