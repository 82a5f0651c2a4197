import { gzipSync } from "node:zlib";
import { basename } from "node:path";
import { createHash } from "node:crypto";
import { must } from "../command.ts";
import type { OpenPgp } from "./openpgp.ts";

/** Days after which apt takes an index for one that somebody holds back. */
const VALID_DAYS = 400;

/**
 * Writes the index of a flat repository for apt: Packages, Release, and with a key InRelease and Release.gpg.
 *
 * @param folder with the debs
 * @param time Unix seconds, from which the index is valid
 */
export async function indexForApt(folder: string, time: number, key: OpenPgp | null): Promise<void> {
  const packages = await must(["apt-ftparchive", "packages", "."], { cwd: folder });
  await Deno.writeTextFile(`${folder}/Packages`, packages);
  await Deno.writeFile(`${folder}/Packages.gz`, gzipSync(packages, { level: 9 }));
  const sums = await must(["apt-ftparchive", "release", "."], { cwd: folder });
  await Deno.writeTextFile(`${folder}/Release`, aptRelease(sums, time));
  if (key === null) return;
  await key.clearSign(`${folder}/Release`, `${folder}/InRelease`);
  await key.sign(`${folder}/Release`, "gpg");
}

/**
 * The file Release of a repository for apt.
 *
 * @param sums what `apt-ftparchive release` prints: it gives the time of now, and no option changes that
 * @param time Unix seconds, from which it is valid
 */
export function aptRelease(sums: string, time: number): string {
  const fields = {
    Origin: "ipipou",
    Label: "ipipou",
    Suite: "stable",
    Architectures: "amd64 arm64",
    Date: new Date(time * 1000).toUTCString(),
    "Valid-Until": new Date((time + VALID_DAYS * 24 * 3600) * 1000).toUTCString(),
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`);
  return lines.join("") + sums.replace(/^Date: .*\n/m, "");
}

/** Writes the index of a repository for dnf and zypper: repodata, with a key also its signature. @param folder with the rpms */
export async function indexForDnf(folder: string, time: number, key: OpenPgp | null): Promise<void> {
  const same = [`--revision=${time}`, "--set-timestamp-to-revision", "--simple-md-filenames"];
  await must(["createrepo_c", "--quiet", "--no-database", ...same, folder]);
  await key?.sign(`${folder}/repodata/repomd.xml`);
}

/**
 * Writes the index of a repository for opkg: Packages, and with a key Packages.sig.
 *
 * @param folder with the ipks
 * @param key see `Keys.opkg`
 */
export async function indexForOpkg(folder: string, key: string | null): Promise<void> {
  const paragraphs = [];
  for (const path of await filesIn(folder, ".ipk")) {
    const control = await must(["sh", "-ec", 'tar -xzOf "$0" ./control.tar.gz | tar -xzO ./control', path]);
    const bytes = await Deno.readFile(path);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const fields = `Filename: ${basename(path)}\nSize: ${bytes.length}\nSHA256sum: ${sha256}\n`;
    // The description is last, and has lines of its own.
    paragraphs.push(control.trimEnd().replace(/^(?=Description:)/m, fields));
  }
  const packages = `${paragraphs.join("\n\n")}\n`;
  await Deno.writeTextFile(`${folder}/Packages`, packages);
  await Deno.writeFile(`${folder}/Packages.gz`, gzipSync(packages, { level: 9 }));
  if (key === null) return;
  await must([
    "signify-openbsd",
    "-S",
    "-s",
    key,
    "-m",
    `${folder}/Packages`,
    "-x",
    `${folder}/Packages.sig`,
  ]);
}

/** Paths of the files in a folder with this ending, sorted. */
export async function filesIn(folder: string, ending: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => `${folder}/${name}`).filter((path) => path.endsWith(ending)).sort();
}
