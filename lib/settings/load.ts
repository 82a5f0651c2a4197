import type { Invocation, Sources } from "./command_line.ts";
import { SettingsError, showPath } from "./errors.ts";
import { type Files, readConfig, type ReadFile } from "./files.ts";
import type { GivenPeer, GivenValues, Input } from "./given.ts";
import { limitPeers, namePeer, readPeerFolder } from "./peers_folder.ts";
import { resolve, type Resolved } from "./resolve.ts";
import { warnOfPublic } from "./scheme.ts";
import { parseToml } from "./toml.ts";
import { countPeers } from "./toml_tables.ts";

/**
 * Reads the configuration files a command line names, with their peers, and makes settings of all that was
 * said: a later file wins over an earlier one, the command line over both, and what a peer says over them all.
 *
 * @param files reads text files and folders, `DISK` outside of tests
 * @throws {SettingsError} for the first thing that is wrong
 */
export function loadSettings(invocation: Invocation & { kind: "run" }, files: Files): Resolved {
  const { warnings, ...input } = loadInput(invocation, files);
  const { settings, warnings: more } = resolve(input, files.read);
  return { settings, warnings: [...invocation.warnings, ...warnings, ...more] };
}

/**
 * Reads the configuration files a command line names, with their peers, without asking whether all of it fits
 * together.
 *
 * @throws {SettingsError} for the first thing that is wrong
 */
export function loadInput(
  sources: Sources,
  files: Files,
): Input & { readonly warnings: readonly string[] } {
  const { given, paths, ...said } = loadFiles(sources, files.read);
  const folders = paths.flatMap((path) => readPeerFolder(files, path) ?? []);
  const peers = [...said.peers, ...folders.flatMap((folder) => folder.peers)];
  const hub = said.peers[0]?.place ?? folders[0]?.place ?? null;
  if (hub !== null && !given.server?.value) {
    throw new SettingsError(
      `Cannot take peers on a client (${hub}): its only one is its server; give server = true or -s on a server`,
    );
  }
  limitPeers(peers.length, "all files");
  const warnings = [...said.warnings, ...folders.flatMap((folder) => folder.warnings)];
  return { given, peers: hub === null ? null : peers, warnings };
}

/** Values of files and command line, and what the administrator should know of the files. */
interface LoadedFiles {
  readonly given: Readonly<GivenValues>;
  /** Those in the files themselves. */
  readonly peers: readonly GivenPeer[];
  /** Of the files. */
  readonly paths: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Reads the configuration files a command line names, without asking whether all of it fits together.
 *
 * @throws {SettingsError} for the first thing that is wrong
 */
export function loadFiles(invocation: Sources, read: ReadFile): LoadedFiles {
  const warnings: string[] = [];
  const given: GivenValues = {};
  const peers: GivenPeer[] = [];
  const paths: string[] = [];
  for (const name of invocation.configs) {
    const file = readConfig(read, name);
    paths.push(file.path);
    // Before it is parsed, which takes its time.
    limitPeers(countPeers(file.text), showPath(file.path));
    const said = parseToml(file.text, file.path);
    if (said.holdsSecret && file.isPublic) warnings.push(warnOfPublic(file.path));
    Object.assign(given, said.given);
    for (const peer of said.peers) peers.push(namePeer(peer));
  }
  return { given: { ...given, ...invocation.given }, peers, paths, warnings };
}
