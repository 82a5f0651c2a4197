import { cacheDirectory } from "../../tools/base.ts";
import { must, mustWithProgress } from "../../tools/command.ts";
import { say } from "../../tools/say.ts";

/** What each root file system has besides apt: ipipou's needs, and of one another packet manager. Oldest first. */
const CONTENTS = {
  bullseye: ["iproute2", "kmod", "nftables"],
  bookworm: ["iproute2", "kmod", "nftables"],
  trixie: ["iproute2", "kmod", "nftables"],
  forky: ["iproute2", "kmod", "nftables", "dnf5", "rpm"],
} as const;

/** What one has besides if a machine is to start from it, and run ipipou by its unit. */
const TO_START = ["iputils-ping", "libnetfilter-queue1", "mount", "systemd"];

/** What a root file system is for: to install in, or to start a machine from. */
export type Purpose = "install" | "start";

/** Debian releases that root file systems are made of. */
export type Release = keyof typeof CONTENTS;

export const RELEASES = Object.keys(CONTENTS) as readonly Release[];

export function isRelease(name: string): name is Release {
  return Object.hasOwn(CONTENTS, name);
}

/** The Debian packages that make them. */
export const ROOT_TOOLS = ["mmdebstrap"];

/** Fetches the root file systems that are not in the cache. @throws {CommandError} when one cannot be made */
export async function fetchRoots(
  releases: readonly Release[] = RELEASES,
  purpose: Purpose = "install",
): Promise<void> {
  for (const release of releases) {
    const path = archiveOf(release, purpose);
    if (await isThere(path)) continue;
    await must(["mkdir", "-p", `${cacheDirectory()}/roots`]);
    say(`Making a root file system of ${release} (kept in ${path})`);
    // A release that is not out yet may have an index that nobody renewed.
    const patience = `--aptopt=Acquire::Check-Valid-Until "false"`;
    const include = `--include=${contentsOf(release, purpose).join()}`;
    const made = `${path}.new.tar`;
    await mustWithProgress(["mmdebstrap", "--quiet", "--variant=apt", patience, include, release, made]);
    await Deno.rename(made, path);
  }
}

/** The archive with a release's root file system. Its name tells what is in it. */
export function archiveOf(release: Release, purpose: Purpose = "install"): string {
  return `${cacheDirectory()}/roots/${release}-${contentsOf(release, purpose).join("-")}.tar`;
}

function contentsOf(release: Release, purpose: Purpose): readonly string[] {
  return purpose === "install" ? CONTENTS[release] : [...CONTENTS[release], ...TO_START];
}

/** The folder with a release's root file system, unpacked on first use. Nobody writes to it. @throws {CommandError} */
export async function unpackRoot(release: Release, purpose: Purpose = "install"): Promise<string> {
  await fetchRoots([release], purpose);
  const archive = archiveOf(release, purpose);
  const folder = archive.replace(/\.tar$/, "");
  if (await isThere(folder)) return folder;
  // It has its name when it is whole, and stays: machines of the lab may use it.
  const unpacked = `${folder}.new`;
  await must(["rm", "-rf", unpacked]);
  await must(["mkdir", "-p", unpacked]);
  await must(["tar", "-xf", archive, "-C", unpacked]);
  await must(["chmod", "755", unpacked]);
  await Deno.rename(unpacked, folder);
  return folder;
}

/** Whether there is a file or folder. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
