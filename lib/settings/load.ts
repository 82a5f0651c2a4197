import type { Invocation } from "./command_line.ts";
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
  const warnings = [...invocation.warnings];
  const given: GivenValues = {};
  for (const name of invocation.configs) {
    const file = readConfig(read, name);
    const said = parseToml(file.text, file.path);
    if (said.holdsSecret && file.isPublic) warnings.push(warnOfPublic(file.path));
    Object.assign(given, said.given);
  }
  const { settings, warnings: more } = resolve({ ...given, ...invocation.given }, read);
  return { settings, warnings: [...warnings, ...more] };
}
