import { attempt, MissingError, type OnMistake, quote, SettingsError, showPath, THROW } from "./errors.ts";
import { AS_ROOT, type Files, isDenied, readToml } from "./files.ts";
import type { GivenPeer } from "./given.ts";
import { PEER_NAME } from "./options.ts";
import { warnOfPublic } from "./scheme.ts";
import { parseToml, type TomlPeer } from "./toml.ts";
import { readValue, ValueError } from "./values.ts";

/** Most peers a server can have. */
export const MOST_PEERS = 4096;
// Excludes hidden files and what editors leave behind: .a.toml.swp, a.toml~.
const PEER_FILE_REGEXP = /^[^.].*\.toml$/s;

/** The peers of one folder. */
interface PeerFolder {
  readonly place: string;
  readonly peers: readonly GivenPeer[];
  readonly warnings: readonly string[];
}

/** Rejects more peers than a server can have. @param place where they are @throws {SettingsError} */
export function refuseTooMany(count: number, place: string): void {
  if (count <= MOST_PEERS) return;
  throw new SettingsError(
    `Cannot use ${count} peers of ${place}: a server can have at most ${MOST_PEERS}, use several servers`,
  );
}

/** Takes the name of a [[peer]] from its key `name`. @throws {MissingError} when it has none */
export function namePeer({ place, ...peer }: TomlPeer): GivenPeer {
  const { peerName } = peer.given;
  if (peerName !== undefined) return { ...peer, name: peerName.value, place: peerName.place };
  throw new MissingError(`Cannot use [[peer]] at ${place} without a name: give it name = "NAME"`, {
    table: "",
    owner: peer.given,
  });
}

/**
 * Reads the folder of peers next to a configuration file: NAME.peers next to NAME.toml, with a file for each peer.
 *
 * @param config the configuration file's path
 * @returns null if there is no such folder
 * @param onMistake gets mistakes in a peer's file, which is then left out
 * @throws {SettingsError} for the first error
 */
export function readPeerFolder(
  { read, list }: Files,
  config: string,
  onMistake: OnMistake = THROW,
): PeerFolder | null {
  if (!config.endsWith(".toml")) return null;
  const folder = config.replace(/\.toml$/, ".peers");
  const found = list(folder);
  if (!found.ok && found.missing) return null;
  if (!found.ok) {
    const cure = isDenied(found) ? AS_ROOT : "make it a folder that this user can list, or remove it";
    throw new SettingsError(`Cannot list ${showPath(folder)}: ${found.reason}; ${cure}`);
  }
  const names = found.names.filter((name) => PEER_FILE_REGEXP.test(name)).sort();
  refuseTooMany(names.length, showPath(folder));
  const publicPaths: string[] = [];
  const readPeer = (name: string) => {
    const file = readToml(read, `${folder}/${name}`, `a peer of ${showPath(config)}`);
    const parsed = parseToml(file.text, file.path, config, onMistake);
    if (parsed.holdsSecret && file.isPublic) publicPaths.push(file.path);
    return nameByFile(name.replace(/\.toml$/, ""), file.path, parsed.given);
  };
  const peers = names.flatMap((name) => attempt(onMistake, () => readPeer(name)) ?? []);
  return { peers, warnings: warnOfAllPublic(publicPaths, folder), place: showPath(folder) };
}

/** Warns in one line, however many files there are. */
function warnOfAllPublic(paths: readonly string[], folder: string): string[] {
  if (paths.length <= 1) return paths.map(warnOfPublic);
  const shown = showPath(folder);
  return [
    `${paths.length} files in ${shown} hold secrets and every user of this host can read them: ` +
    `chmod o-r ${shown}/*.toml`,
  ];
}

function nameByFile(name: string, path: string, given: GivenPeer["given"]): GivenPeer {
  const place = showPath(path);
  try {
    readValue(PEER_NAME, name, "", () => {});
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new SettingsError(
      `Cannot use ${quote(name)} as the name of a peer (${place}): ${error.message}; rename the file`,
    );
  }
  const { peerName } = given;
  if (peerName === undefined || peerName.value === name) return { name, place, given };
  const cure = `the file is named ${quote(name)}, remove the key`;
  throw new SettingsError(`Cannot use ${quote(peerName.value)} as ${peerName.place}: ${cure}`);
}
