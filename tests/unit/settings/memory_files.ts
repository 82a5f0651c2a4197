import { convert } from "../../../lib/commands/convert.ts";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import type { ReadFile } from "../../../lib/settings/files.ts";
import { loadGiven, loadSettings } from "../../../lib/settings/load.ts";
import { identify, type Resolved } from "../../../lib/settings/resolve.ts";

/** The folder that `{dir}` stands for. */
const DIR = "/dir";

/** Reads from `files` (names in `{dir}`, or paths) as the disk would; `mode` is everyone's file mode. */
export function filesInMemory(files: Readonly<Record<string, string>>, mode = 0o600): ReadFile {
  const texts = new Map(
    Object.entries(files).map(([name, text]) => [/^\.{0,2}\//.test(name) ? name : `${DIR}/${name}`, text]),
  );
  return (path) => {
    if (path === DIR) return { ok: false, missing: false, reason: "Is a directory" };
    const text = texts.get(path);
    if (text === undefined) return { ok: false, missing: true, reason: "No such file or directory" };
    return { ok: true, text, mode };
  };
}

/** Settings of a command line, with files in memory; of a command's, whatever it refuses. */
export function load(
  argv: readonly string[],
  files: Readonly<Record<string, string>> = {},
  mode?: number,
): Resolved {
  const invocation = parseInvocation(argv.map((word) => word.replaceAll("{dir}", DIR)));
  const read = filesInMemory(files, mode);
  if (invocation.kind === "cleanup") identify(loadGiven(invocation, read).given);
  if (invocation.kind === "convert") convert(invocation, read, () => false);
  if (invocation.kind !== "run") throw new TypeError(`Cannot load settings of ${invocation.kind}`);
  return loadSettings(invocation, read);
}
