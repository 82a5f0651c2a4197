import type { Locks } from "../ports.ts";
import { nameOfConfig, RUN_FOLDER } from "../settings/files.ts";

const FOLDER_MODE = 0o755;
/** Of its owner alone: whoever can open a lock can take it. */
const FILE_MODE = 0o600;

/** What this process is known by, until disposed, as the one that runs some configuration files. */
export interface Claim extends Disposable {
  /** Why it cannot be found by some of them, a line each. */
  readonly problems: readonly string[];
}

/**
 * Makes this process known as the one that runs configuration files of /etc/ipipou. Whoever changes one from now
 * on can tell it so; therefore they are to be read after this.
 *
 * @param paths of the files; it cannot be found by those that lie elsewhere
 * @param folder where it is made known: RUN_FOLDER outside of tests
 */
export function claimConfigs(
  paths: readonly string[],
  processLocks: Pick<Locks, "process">,
  folder = RUN_FOLDER,
): Claim {
  const problems: string[] = [];
  using taken = new DisposableStack();
  for (const name of new Set(paths.flatMap((path) => nameOfConfig(path) ?? []))) {
    try {
      const lock = processLocks.process(makeLockFile(folder, name));
      if (lock === null) {
        problems.push(`Another process runs ${name} too: ipipou peer will tell that one alone`);
      } else taken.use(lock);
    } catch (error) {
      problems.push(`${(error as Error).message}: ipipou peer will not find this process`);
    }
  }
  const resources = taken.move();
  return { problems, [Symbol.dispose]: () => resources.dispose() };
}

/**
 * Has the process that runs a configuration file reload.
 *
 * @param path of the file
 * @param folder where it is known: RUN_FOLDER outside of tests
 * @returns its number, 0 when it is in another PID namespace and was not told, or null when none runs it
 * @throws {SysError}
 */
export function tellToReload(
  path: string,
  locks: Pick<Locks, "signalHolder">,
  folder = RUN_FOLDER,
): number | null {
  const name = nameOfConfig(path);
  if (name === null || !isThere(lockFileOf(folder, name))) return null;
  return locks.signalHolder(lockFileOf(folder, name), "SIGHUP");
}

function lockFileOf(folder: string, name: string): string {
  return `${folder}${name}/lock`;
}

function makeLockFile(folder: string, name: string): string {
  const path = lockFileOf(folder, name);
  Deno.mkdirSync(`${folder}${name}`, { recursive: true, mode: FOLDER_MODE });
  Deno.openSync(path, { append: true, create: true, mode: FILE_MODE }).close();
  return path;
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
