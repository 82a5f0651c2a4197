import { setTimeout } from "node:timers/promises";
import { CommandError, must, mustWithProgress, run } from "./command.ts";
import { say } from "./say.ts";

/**
 * Installs Debian packages unless they are installed.
 *
 * @param purpose completes "needed for …" in messages
 * @throws {Error} saying what is missing and what to do, when this is not Debian, not root, or apt-get fails
 */
export async function ensurePackages(names: readonly string[], purpose: string): Promise<void> {
  const query = await run([
    "dpkg-query",
    "--show",
    "--showformat=${db:Status-Abbrev} ${Package}\n",
    ...names,
  ]);
  const missing = missingPackages(names, query.stdout);
  if (missing.length === 0) return;
  const list = missing.join(" ");
  if (query.code === 127) {
    throw new Error(
      `Cannot install ${list} (needed for ${purpose}): this is not a Debian machine (no dpkg-query)`,
    );
  }
  if (Deno.uid() !== 0) {
    throw new Error(
      `Cannot install ${list} (needed for ${purpose}): not root; run this as root, or first: apt-get install ${list}`,
    );
  }
  say(`Installing ${list} (needed for ${purpose})`);
  try {
    await aptGet(["update"]);
    await aptGet(["install", "-y", "--no-install-recommends", ...missing]);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new Error(`Cannot install ${list} (needed for ${purpose}): ${error.message}`, { cause: error });
  }
}

/**
 * Which of `names` are not fully installed, according to `dpkg-query` with the format
 * `${db:Status-Abbrev} ${Package}\n` (`ii` at the start of a line means wanted and installed).
 */
export function missingPackages(names: readonly string[], dpkgOutput: string): string[] {
  const installed = new Set<string>();
  for (const line of dpkgOutput.split("\n")) {
    const [status, name] = line.trim().split(/\s+/);
    // The first letter is the desired state (hold, install), the second the actual one.
    if (name !== undefined && status?.[1] === "i") installed.add(name);
  }
  return names.filter((name) => !installed.has(name));
}

/**
 * Downloads Debian packages and unpacks them into `directory`, without installing them. Files in /bin and /lib, as in
 * older packages, end up in /usr.
 *
 * @throws {CommandError} when they do not exist or cannot be fetched
 */
export async function unpackPackages(
  names: readonly string[],
  directory: string,
  aptOptions: readonly string[] = [],
): Promise<void> {
  for (const merged of ["bin", "lib"]) {
    await Deno.mkdir(`${directory}/usr/${merged}`, { recursive: true });
    await Deno.symlink(`usr/${merged}`, `${directory}/${merged}`);
  }
  // Root may write where apt's own user may not. Without this option apt warns about that.
  const options = ["-o", "APT::Sandbox::User=root", ...aptOptions];
  const download = () => aptGet([...options, "download", ...names], { cwd: directory });
  try {
    await download();
  } catch {
    // A package list older than the mirror names files that no longer exist.
    say("Fetching the package lists (there are none, or they are older than the mirror)");
    await aptGet([...options, "update"]);
    await download();
  }
  const unpack = 'dpkg --fsys-tarfile "$0" | tar -x --keep-directory-symlink -C . && rm "$0"';
  for (const { name } of Deno.readDirSync(directory)) {
    if (name.endsWith(".deb")) await must(["sh", "-c", unpack, name], { cwd: directory });
  }
}

/**
 * Apt options that make the packages of another architecture available, with lists of their own below `state`, so that
 * the machine's configuration is not changed.
 *
 * @param architecture Debian's name: "amd64", "arm64"
 */
export async function foreignArchitecture(architecture: string, state: string): Promise<string[]> {
  await Deno.mkdir(`${state}/lists/partial`, { recursive: true });
  await Deno.mkdir(`${state}/cache/archives/partial`, { recursive: true });
  return [
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    `Dir::State::Lists=${state}/lists`,
    `Dir::Cache=${state}/cache`,
  ].flatMap((option) => ["-o", option]);
}

/** How often to try again, a second later, what another apt-get keeps from being done. */
const LOCK_TRIES = 300;

/**
 * Runs `apt-get` without prompts, and waits while another one runs, as after the start of a machine.
 *
 * @param pause waits a moment for the other one
 * @throws {CommandError}
 */
export async function aptGet(
  args: readonly string[],
  options: { cwd?: string } = {},
  pause: () => Promise<unknown> = () => setTimeout(1000),
): Promise<void> {
  for (let left = LOCK_TRIES;; left--) {
    try {
      // The option is for dpkg's locks alone.
      return await mustWithProgress(["apt-get", "-q", "-o", `DPkg::Lock::Timeout=${LOCK_TRIES}`, ...args], {
        ...options,
        env: { DEBIAN_FRONTEND: "noninteractive" },
      });
    } catch (error) {
      const isLocked = error instanceof CommandError && error.outcome.stderr.includes("Could not get lock");
      if (!isLocked || left === 0) throw error;
      if (left === LOCK_TRIES) say("Waiting for another apt-get");
      await pause();
    }
  }
}
