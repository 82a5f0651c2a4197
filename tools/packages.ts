import { CommandError, mustWithProgress, run } from "./command.ts";
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

/** Runs `apt-get` without questions, waiting for another one that holds the lock. Throws CommandError. */
export async function aptGet(args: readonly string[], options: { cwd?: string } = {}): Promise<void> {
  await mustWithProgress(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", ...args], {
    ...options,
    env: { DEBIAN_FRONTEND: "noninteractive" },
  });
}
