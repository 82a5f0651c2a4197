import { fstatSync } from "node:fs";
import { canOthersRead } from "./settings/files.ts";

const STANDARD_OUTPUT = 1;

/** A warning if standard output is a file that every user of this host can read, for when a secret is printed; else null. */
export function warnOfPublicOutput(): string | null {
  const output = fstatSync(STANDARD_OUTPUT);
  if (!output.isFile() || !canOthersRead(output.mode)) return null;
  return "The output contains a secret, and every user of this host can read the file it goes to: " +
    "chmod o-r it, and run umask 077 first";
}
