import { CommandError, must, mustWithProgress, run } from "./command.ts";
import { say } from "./say.ts";

/**
 * Makes sure that Debian packages are installed; silent and instant when they are.
 *
 * `purpose` completes "needed for …" in the line that announces an installation. Throws an Error whose message
 * says what is missing and what to do when the machine is not Debian, this is not root, or apt-get fails.
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
 * Which of `names` are not fully installed, by the output of `dpkg-query` with the format
 * `${db:Status-Abbrev} ${Package}\n` (`ii` at the start of a line is "wanted and installed").
 */
export function missingPackages(names: readonly string[], dpkgOutput: string): string[] {
  const installed = new Set<string>();
  for (const line of dpkgOutput.split("\n")) {
    const [status, name] = line.trim().split(/\s+/);
    // The first letter is what the administrator wants (hold, install), the second what is there.
    if (name !== undefined && status?.[1] === "i") installed.add(name);
  }
  return names.filter((name) => !installed.has(name));
}

/**
 * Downloads Debian packages into `directory`, without installing them, and unpacks them there; what they have in /bin
 * or /lib, as older ones do, comes to /usr.
 *
 * Throws CommandError when there are none of such names, or they cannot be fetched.
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
  // Root may write where apt's own user may not; without this apt warns about it at length.
  const options = ["-o", "APT::Sandbox::User=root", ...aptOptions];
  const download = () => aptGet([...options, "download", ...names], { cwd: directory });
  try {
    await download();
  } catch {
    // A list older than the mirror names files that are gone.
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
 * Apt options that make the packages of another architecture visible, with lists of their own below `state`, so that
 * the machine's configuration stays as it is.
 *
 * @param architecture as Debian calls it: "amd64", "arm64"
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

/** Runs `apt-get` without questions, waiting for another one that holds the lock. Throws CommandError. */
export async function aptGet(args: readonly string[], options: { cwd?: string } = {}): Promise<void> {
  await mustWithProgress(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", ...args], {
    ...options,
    env: { DEBIAN_FRONTEND: "noninteractive" },
  });
}
