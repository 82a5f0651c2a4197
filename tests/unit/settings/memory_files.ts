import { convert } from "../../../lib/commands/convert.ts";
import { addPeer, listPeers, type PeerSystem, removePeer, showPeer } from "../../../lib/commands/peer.ts";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import type { Files } from "../../../lib/settings/files.ts";
import { loadFiles, loadSettings } from "../../../lib/settings/load.ts";
import { identify, type Resolved } from "../../../lib/settings/resolve.ts";

/** The folder that `{dir}` stands for. */
const DIR = "/dir";

/**
 * Serves files from memory.
 *
 * @param files their content by name in `{dir}`, or by path; the name of a folder ends in `/`
 * @param mode permission bits of all files
 */
export function filesInMemory(files: Readonly<Record<string, string>>, mode = 0o600): Files {
  const texts = new Map(
    Object.entries(files).map(([name, text]) => [/^\.{0,2}\//.test(name) ? name : `${DIR}/${name}`, text]),
  );
  const isFolder = (path: string) =>
    path === DIR || [...texts.keys()].some((name) => name.startsWith(`${path}/`));
  const missing = { ok: false, missing: true, reason: "No such file or directory" } as const;
  return {
    read: (path) => {
      const text = texts.get(path);
      if (text !== undefined) return { ok: true, text, mode };
      return isFolder(path) ? { ok: false, missing: false, reason: "Is a directory" } : missing;
    },
    list: (path) => {
      if (texts.has(path)) return { ok: false, missing: false, reason: "Not a directory" };
      if (!isFolder(path)) return missing;
      const below = [...texts.keys()].filter((name) => name.startsWith(`${path}/`));
      const names = below.map((name) => name.slice(path.length + 1).replace(/\/.*/, ""));
      return { ok: true, names: [...new Set(names)].filter((name) => name !== "") };
    },
  };
}

/** A system with these files, in which nothing can be changed. */
function editing(files: Files): PeerSystem {
  const lock = () => ({ [Symbol.dispose]: () => {} });
  return { ...files, write: () => false, remove: () => {}, lock, tellToReload: () => null };
}

/** Loads the settings of a command line with files in memory; for a command, runs its checks. */
export function load(
  argv: readonly string[],
  files: Readonly<Record<string, string>> = {},
  mode?: number,
): Resolved {
  const invocation = parseInvocation(argv.map((word) => word.replaceAll("{dir}", DIR)));
  const memory = filesInMemory(files, mode);
  if (invocation.kind === "cleanup") identify(loadFiles(invocation, memory.read).given);
  if (invocation.kind === "peer-add") addPeer(invocation, editing(memory), new Uint8Array(32));
  if (invocation.kind === "peer-show") showPeer(invocation, memory);
  if (invocation.kind === "peer-remove") removePeer(invocation, editing(memory));
  if (invocation.kind === "peer-list") listPeers(invocation.hub, memory);
  if (invocation.kind === "convert") convert(invocation, memory, () => false);
  if (invocation.kind !== "run") throw new TypeError(`Cannot load settings of ${invocation.kind}`);
  return loadSettings(invocation, memory);
}
