import { fstatSync } from "node:fs";

const STANDARD_OUTPUT = 1;
const OTHERS_CAN_READ = 0o004;

/** A warning for whoever is about to print a secret into a file that every user of this host can read, else null. */
export function warnOfPublicOutput(): string | null {
  const output = fstatSync(STANDARD_OUTPUT);
  if (!output.isFile() || (output.mode & OTHERS_CAN_READ) === 0) return null;
  return "What is printed holds a secret, and every user of this host can read the file it goes to: " +
    "chmod o-r it, and say umask 077 before";
}
