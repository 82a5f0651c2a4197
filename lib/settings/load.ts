import type { Invocation, Sources } from "./command_line.ts";
import { readConfig, type ReadFile } from "./files.ts";
import type { GivenValues } from "./given.ts";
import { resolve, type Resolved } from "./resolve.ts";
import { warnOfPublic } from "./scheme.ts";
import { parseToml } from "./toml.ts";

/**
 * Reads the configuration files a command line names and makes settings of all that was said: a later file
 * wins over an earlier one, and the command line over both.
 *
 * @param read reads a text file, `readFromDisk` outside of tests
 * @throws {SettingsError} for the first thing that is wrong
 * @throws {IpipouError} with exit code 127 when an option is given that is not available yet
 */
export function loadSettings(invocation: Invocation & { kind: "run" }, read: ReadFile): Resolved {
  const { given, warnings } = loadGiven(invocation, read);
  const { settings, warnings: more } = resolve(given, read);
  return { settings, warnings: [...invocation.warnings, ...warnings, ...more] };
}

/** Values of files and command line, and what the administrator should know of the files. */
interface Loaded {
  readonly given: Readonly<GivenValues>;
  readonly warnings: readonly string[];
}

/**
 * Reads the configuration files a command line names, without asking whether all of it fits together.
 *
 * @throws {SettingsError} for the first thing that is wrong
 */
export function loadGiven(invocation: Sources, read: ReadFile): Loaded {
  const warnings: string[] = [];
  const given: GivenValues = {};
  for (const name of invocation.configs) {
    const file = readConfig(read, name);
    const said = parseToml(file.text, file.path);
    if (said.holdsSecret && file.isPublic) warnings.push(warnOfPublic(file.path));
    Object.assign(given, said.given);
  }
  return { given: { ...given, ...invocation.given }, warnings };
}
