import { EXIT, IpipouError, reasonOf } from "../errors.ts";
import type { Locks } from "../ports.ts";
import { nameOfConfig, RUN_FOLDER } from "../settings/files.ts";

const FOLDER_MODE = 0o755;
/** Only its owner may open a lock file: whoever opens it can take the lock. */
const FILE_MODE = 0o600;

/** Makes this process known, until disposed, as the one that runs some configuration files. */
interface Claim extends Disposable {
  /** Why it cannot be found by some of the files, a line each. */
  readonly problems: readonly string[];
}

/**
 * Makes this process known as the one that runs configuration files of /etc/ipipou. From now on it can be told of their
 * changes, so read them after this.
 *
 * @param paths of the files; those elsewhere are ignored
 * @param folder of the locks: RUN_FOLDER except in tests
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
        problems.push(`Another process already runs ${name}: ipipou peer will reload only that one`);
      } else taken.use(lock);
    } catch (error) {
      problems.push(`${(error as Error).message}: ipipou peer will not find this process`);
    }
  }
  const resources = taken.move();
  return { problems, [Symbol.dispose]: () => resources.dispose() };
}

/**
 * Takes an instance's name in this network namespace for this process, until disposed or dead: two that run one instance
 * would undo each other's work, and the one that stops first would remove the tunnel of both.
 *
 * @param action what cannot be done while another process has it, in words that follow "Cannot"
 * @param elsewise what else may cure it than to stop that process, in words that follow "stop that one first"
 * @param exitCode of the error. Not `EXIT.usage`, after which the unit cleans up
 * @throws {IpipouError} when another process has it
 */
export function claimInstance(
  name: string,
  { instance }: Pick<Locks, "instance">,
  action: string,
  elsewise: string,
  exitCode: typeof EXIT.failure | typeof EXIT.cleanup,
): Disposable {
  const lock = instance(name);
  if (typeof lock !== "number") return lock;
  throw new IpipouError(
    `Cannot ${action} ${name}: process ${lock} runs it; stop that one first${elsewise}`,
    exitCode,
  );
}

/**
 * Makes the process that runs a configuration file reload.
 *
 * @param path of the file
 * @param folder of the locks: RUN_FOLDER except in tests
 * @returns its PID; 0 when it is in another PID namespace and was not told; null when none runs the file
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
  try {
    Deno.mkdirSync(`${folder}${name}`, { recursive: true, mode: FOLDER_MODE });
    Deno.openSync(path, { append: true, create: true, mode: FILE_MODE }).close();
    return path;
  } catch (error) {
    throw new IpipouError(`Cannot make ${path}: ${reasonOf(error)}`, EXIT.failure);
  }
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
