import { createHash } from "node:crypto";
import { attempt, type SettingsError, showPath } from "./errors.ts";
import { type Files, isDenied, MODE, type ReadFile } from "./files.ts";
import { loadInput } from "./load.ts";
import { resolveAll } from "./resolve.ts";
import type { Settings } from "./settings.ts";

/** What a check of a configuration file found. */
interface Findings {
  /** A line each, as the one that a run would end with. */
  readonly mistakes: readonly string[];
  readonly warnings: readonly string[];
  /** What this user cannot read. */
  readonly unread: readonly string[];
  /** With something in place of each secret that this user cannot read; null: there are mistakes. */
  readonly settings: Settings | null;
}

/**
 * Finds all mistakes of a configuration file and its peers' files, as far as files alone tell them. Where a mistake hides
 * others, as one in TOML itself hides what follows in its table, those are found once it is mended.
 *
 * @param config as `--config` takes it
 */
export function findMistakes(config: string, files: Files): Findings {
  const mistakes = new Set<string>();
  const onMistake = ({ message }: SettingsError) => void mistakes.add(message);
  const input = attempt(
    onMistake,
    () => loadInput({ configs: [config], place: "NAME", given: {} }, files, onMistake),
  );
  if (input === undefined) return { mistakes: [...mistakes], warnings: [], unread: [], settings: null };
  const unseen = new Set<string>();
  const read = withStandIns(files.read, (path) => unseen.add(path));
  // What is missing may stand in a line that cannot be read.
  const resolved = input.isWhole ? attempt(onMistake, () => resolveAll(input, read, onMistake)) : undefined;
  return {
    mistakes: [...mistakes],
    warnings: [...input.warnings, ...resolved?.warnings ?? []],
    unread: [...unseen].map((path) =>
      `${showPath(path)} cannot be read by this user: its content was not checked`
    ),
    settings: mistakes.size === 0 ? resolved?.settings ?? null : null,
  };
}

/** Who checks need not be root: a secret that only root can read is taken to be good, and another one in each file. */
function withStandIns(read: ReadFile, onUnseen: (path: string) => void): ReadFile {
  return (path) => {
    const file = read(path);
    if (!isDenied(file)) return file;
    onUnseen(path);
    return { ok: true, text: createHash("sha256").update(path).digest("base64"), mode: MODE.private };
  };
}
