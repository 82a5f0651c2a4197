import type { Sources } from "./invocation.ts";
import {
  attempt,
  MissingError,
  type OnMistake,
  type Part,
  SettingsError,
  showPath,
  THROW,
  TomlSyntaxError,
  UnusableError,
} from "./errors.ts";
import { type Files, readConfig, type ReadFile } from "./files.ts";
import type { GivenPeer, GivenValues, Input } from "./given.ts";
import { namePeer, readPeerFolder, refuseTooMany } from "./peers_folder.ts";
import { resolve, type Resolved } from "./resolve.ts";
import { warnOfPublic } from "./scheme.ts";
import { parseToml } from "./toml.ts";
import { countPeers } from "./toml_tables.ts";

/**
 * Reads the configuration files that a command line names, and their peers, and makes settings from them. A later file
 * overrides an earlier one, the command line overrides both, and a peer's own values override them all.
 *
 * @param files `DISK`, except in tests
 * @throws {SettingsError} for the first error
 */
export function loadSettings(
  invocation: Sources & { readonly warnings: readonly string[] },
  files: Files,
): Resolved {
  const { warnings, ...input } = loadInput(invocation, files);
  const { warnings: more, ...resolved } = resolve(input, files.read);
  return { ...resolved, warnings: [...invocation.warnings, ...warnings, ...more] };
}

/**
 * Reads the configuration files that a command line names, and their peers, without checking that the values fit
 * together. `isWhole`: whether all files are TOML, else it is not known what they say.
 *
 * @throws {SettingsError} for the first error
 */
export function loadInput(
  sources: Sources,
  files: Files,
  onMistake: OnMistake = THROW,
): Input & { readonly warnings: readonly string[]; readonly isWhole: boolean } {
  let isWhole = true;
  const unusable: Part[] = [];
  const onFileMistake: OnMistake = (mistake) => {
    isWhole &&= !(mistake instanceof TomlSyntaxError);
    if (mistake instanceof UnusableError) unusable.push(mistake.part);
    // A name that cannot be used is none that is missing.
    const isTold = mistake instanceof MissingError &&
      unusable.some(({ table, owner }) => table === mistake.part.table && owner === mistake.part.owner);
    if (!isTold) onMistake(mistake);
  };
  const { given, paths, ...loaded } = loadFiles(sources, files.read, onFileMistake);
  const folders = paths.flatMap((path) =>
    attempt(onFileMistake, () => readPeerFolder(files, path, onFileMistake)) ?? []
  );
  const peers = [...loaded.peers, ...folders.flatMap((folder) => folder.peers)];
  const hub = loaded.firstPeer ?? folders[0]?.place ?? null;
  const isServerKnown = isWhole && !unusable.some(({ table }) => table === "server" || table === null);
  if (hub !== null && !given.server?.value && isServerKnown) {
    onMistake(
      new SettingsError(
        `Cannot use peers on a client (${hub}): its only peer is the server; give server = true, or -s, on a server`,
      ),
    );
  }
  refuseTooMany(peers.length, "all files");
  const warnings = [...loaded.warnings, ...folders.flatMap((folder) => folder.warnings)];
  return { given, peers: hub === null ? null : peers, unusable, warnings, isWhole };
}

/** Values of the files and the command line. */
interface LoadedFiles {
  readonly given: Readonly<GivenValues>;
  /** Every [[peer]] of the files that has a name. */
  readonly peers: readonly GivenPeer[];
  /** Where the first [[peer]] is named, or begins if it has no name; null: there is none. */
  readonly firstPeer: string | null;
  /** Paths of the files. */
  readonly paths: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Reads the configuration files that a command line names, without peers' folders, and without checking that the values
 * fit together.
 *
 * @throws {SettingsError} for the first error
 */
export function loadFiles(invocation: Sources, read: ReadFile, onMistake: OnMistake = THROW): LoadedFiles {
  const warnings: string[] = [];
  const given: GivenValues = {};
  const peers: GivenPeer[] = [];
  let firstPeer: string | null = null;
  const paths: string[] = [];
  for (const name of invocation.configs) {
    const place = invocation.place ?? "--config";
    const file = readConfig(read, name, place);
    if (paths.includes(file.path)) {
      throw new SettingsError(`Cannot use ${showPath(file.path)} as ${place} twice: give each file once`);
    }
    paths.push(file.path);
    // Before parsing, which is slow.
    refuseTooMany(countPeers(file.text), showPath(file.path));
    const parsed = parseToml(file.text, file.path, null, onMistake);
    if (parsed.holdsSecret && file.isPublic) warnings.push(warnOfPublic(file.path));
    Object.assign(given, parsed.given);
    firstPeer ??= parsed.peers[0]?.given.peerName?.place ?? parsed.peers[0]?.place ?? null;
    peers.push(...parsed.peers.flatMap((peer) => attempt(onMistake, () => namePeer(peer)) ?? []));
  }
  return { given: { ...given, ...invocation.given }, peers, firstPeer, paths, warnings };
}
