import { must } from "../../tools/command.ts";
import { isThere, type Release, unpackRoot } from "./roots.ts";

/** What of a release is used. */
const PROGRAMS = ["ip", "nft"] as const;
/** Debian 11 has not yet all of them in the second folder, and no link to that. */
const LIBRARIES = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];

/** A release's programs. */
export interface Userland {
  /** Has `ip` and `nft`, for PATH. They use the release's libraries, wherever they are started. */
  readonly folder: string;
  /** What they print of their versions: "6.1.0", "1.0.6". */
  readonly versions: Readonly<Record<typeof PROGRAMS[number], string>>;
}

/** Finds the programs of a Debian release, and on first use makes them. @throws {CommandError} when they cannot be had */
export async function prepareUserland(release: Release): Promise<Userland> {
  const root = await unpackRoot(release);
  const folder = `${root}.programs`;
  if (!await isThere(folder)) {
    await writePrograms(root, `${folder}.new`);
    await Deno.rename(`${folder}.new`, folder);
  }
  const versions = { ip: await versionOf(folder, "ip", "-V"), nft: await versionOf(folder, "nft", "-v") };
  return { folder, versions };
}

async function writePrograms(root: string, folder: string): Promise<void> {
  await must(["mkdir", "-p", folder]);
  const find = async (...what: string[]) => (await must(["find", root, ...what])).split("\n")[0];
  const loader = await find("-path", "*/x86_64-linux-gnu/ld-linux-x86-64.so.2");
  const libraries = LIBRARIES.map((path) => `${root}/${path}`).join(":");
  for (const program of PROGRAMS) {
    const path = await find("-path", "*bin/*", "-type", "f", "-name", program);
    const script = `#!/bin/sh\nexec ${loader} --library-path ${libraries} ${path} "$@"\n`;
    await Deno.writeTextFile(`${folder}/${program}`, script, { mode: 0o755 });
  }
}

async function versionOf(folder: string, program: string, flag: string): Promise<string> {
  return /\d+\.\d+\.\d+/.exec(await must([`${folder}/${program}`, flag]))?.[0] ?? "unknown";
}
